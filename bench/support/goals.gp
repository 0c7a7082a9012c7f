# A bar for each row, from 1 to how many times better than its goal it is: to the right where the goal is met.
# Variables: data (id, words, that, whether it is met), picture, rows.
set terminal svg size 1100, 80 + 24 * rows font "sans-serif,12" background "#ffffff"
set output picture
set datafile separator "\t"
set xlabel "times better than the goal (1: just met)"
set logscale x 2
set xtics 0.000244140625, 4 # ... 1/16, 1/4, 1, 4 ...
set rmargin 4
set yrange [rows - 0.4 : -0.6]
set ytics scale 0
set grid xtics linecolor rgb "#dddddd"
set style fill solid
set arrow from 1, graph 0 to 1, graph 1 nohead linewidth 2 linecolor rgb "#333333" front
low(x) = x < 1 ? x : 1
high(x) = x < 1 ? 1 : x
colour(met) = met == 1 ? 0x4c9a5b : 0xd1603d
plot data using (1):0:(low($3)):(high($3)):($0 - 0.35):($0 + 0.35):(colour($4)):ytic(2) \
     with boxxyerror linecolor rgb variable notitle
