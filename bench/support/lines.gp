# A line for each series. Variables: data (a block for each series, headed by its name), picture, series (how many), heading,
# x_words, y_words, logarithmic (axes: "", "x", "y" or "xy").
set terminal svg size 800, 480 font "sans-serif,12" background "#ffffff"
set output picture
set title heading
set xlabel x_words
set ylabel y_words
if (strstrt(logarithmic, "x")) set logscale x
if (strstrt(logarithmic, "y")) set logscale y; else set yrange [0:*]
set format y "%.10g"
set grid linecolor rgb "#dddddd"
set rmargin 6
if (series > 1) set key outside bottom center; else unset key
plot for [i = 0 : series - 1] data index i using 1:2 with linespoints linewidth 2 pointtype 7 pointsize 0.4 title columnheader(1)
