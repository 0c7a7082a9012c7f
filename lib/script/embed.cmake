# Writes one C file with the text of each Lua script; run as
#
#   cmake -DNAMES=reserve,confirm -DFOLDER=lib/script -DLIMITS=include/seckill/base.h -DOUTPUT=scripts.c -P embed.cmake
#
# A script begins with its shebang line (`#!lua` or `#!lua flags=allow-oom`), or with none where it is only known as it runs
# whether it writes: Redis then looks at each command by itself. Lines `-- prelude: NAME.lua` directly below it are replaced by
# the contents of these files. What goes over the wire is kept small: lines that are only a comment, empty
# lines and indentation are left out. A script must not use block comments or strings of several lines.

function(read_lua path out)
    file(READ "${path}" text)
    string(REPLACE "\r\n" "\n" text "${text}")
    if(text MATCHES "--\\[=*\\[")
        message(FATAL_ERROR "${path}: block comments cannot be embedded, use -- on each line")
    endif()
    # A newline in front, so that each line begins with one.
    string(REGEX REPLACE "[ \t\n]+$" "" text "\n${text}")
    set(${out} "${text}" PARENT_SCOPE)
endfunction()

# The limits of the interface stand in one place: where a script names one, its number is put.
set(limits "")
if(LIMITS)
    file(STRINGS "${LIMITS}" limits REGEX "^ +SECKILL_[A-Z_]+ = [0-9]+")
endif()
function(put_limits text_name)
    set(text "${${text_name}}")
    foreach(limit IN LISTS limits)
        string(REGEX MATCH "(SECKILL_[A-Z_]+) = ([0-9]+)" _ "${limit}")
        string(REPLACE "${CMAKE_MATCH_1}" "${CMAKE_MATCH_2}" text "${text}")
    endforeach()
    if(text MATCHES "SECKILL_[A-Z_]+")
        message(FATAL_ERROR "A script names ${CMAKE_MATCH_0}, which is no limit in ${LIMITS}")
    endif()
    set(${text_name} "${text}" PARENT_SCOPE)
endfunction()

string(REPLACE "," ";" names "${NAMES}")
set(c "/* Generated from the .lua files by embed.cmake: do not edit. */\n#include <stddef.h>\n")
foreach(name IN LISTS names)
    read_lua("${FOLDER}/${name}.lua" text)
    set(shebang "")
    set(body "${text}")
    if(text MATCHES "^\n(#!lua[^\n]*)")
        set(shebang "${CMAKE_MATCH_1}")
        string(LENGTH "\n${shebang}" length)
        string(SUBSTRING "${text}" ${length} -1 body)
    elseif(NOT text MATCHES "^\n-- prelude: ")
        message(FATAL_ERROR "${FOLDER}/${name}.lua: the first line must begin with #!lua, or be a prelude")
    endif()

    set(preludes "")
    while(body MATCHES "^\n-- prelude: ([A-Za-z0-9_]+\\.lua)[ \t]*(\n|$)")
        set(file "${CMAKE_MATCH_1}")
        read_lua("${FOLDER}/${file}" prelude)
        string(APPEND preludes "${prelude}")
        string(LENGTH "${CMAKE_MATCH_0}" length)
        string(SUBSTRING "${body}\n" ${length} -1 body)
        set(body "\n${body}")
    endwhile()

    set(text "${preludes}${body}")
    string(REGEX REPLACE "\n[ \t]+" "\n" text "${text}")
    string(REGEX REPLACE "\n--[^\n]*" "" text "${text}")
    string(REGEX REPLACE "[ \t]+\n" "\n" text "${text}\n")
    string(REGEX REPLACE "\n\n+" "\n" text "${text}")
    set(text "${shebang}${text}")
    put_limits(text)
    # EVALSHA names a script by this digest: known from the build, it is never asked for.
    string(SHA1 digest "${text}")

    string(REPLACE "\\" "\\\\" text "${text}")
    string(REPLACE "\"" "\\\"" text "${text}")
    string(REPLACE "??" "?\\?" text "${text}")
    string(REPLACE "\n" "\\n\"\n    \"" text "${text}")
    string(REGEX REPLACE "\n    \"$" "" text "${text}")
    string(APPEND c "\nextern const char sk__script_text_${name}[];\n"
                    "extern const size_t sk__script_size_${name};\n"
                    "const char sk__script_text_${name}[] =\n    \"${text};\n"
                    "const size_t sk__script_size_${name} = sizeof(sk__script_text_${name}) - 1;\n"
                    "extern const char sk__script_sha1_${name}[];\n"
                    "const char sk__script_sha1_${name}[] = \"${digest}\";\n")
endforeach()
file(WRITE "${OUTPUT}" "${c}")
