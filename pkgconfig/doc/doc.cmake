# The reference, from one source each: man pages of section 3 and HTML from the comments in the public headers, man pages of section 1
# from what the programs print with --help. Man pages are built with all else, where awk is there (it is part of POSIX); those of
# section 1 not where programs are built for another machine. HTML is built by the target `doc`, where Doxygen is there.
set(doc_scripts "${CMAKE_CURRENT_LIST_DIR}")
set(doc_folder "${PROJECT_BINARY_DIR}/doc")
file(GLOB doc_headers CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/include/seckill/*.h")
string(TIMESTAMP doc_date "%B %d, %Y" UTC) # of SOURCE_DATE_EPOCH, where that is set
string(REPLACE " 0" " " doc_date "${doc_date}")

# seckill_man(section component input... [DEPENDS file-or-target...]): a folder with the pages of a section, as man.sh makes it
function(seckill_man section component)
    cmake_parse_arguments(PARSE_ARGV 2 arg "" "" "DEPENDS")
    set(compress "")
    if(SECKILL_GZIP AND CMAKE_INSTALL_PREFIX STREQUAL "/usr") # where packages are made
        set(compress COMMAND find "${doc_folder}/man${section}" -type f -exec "${SECKILL_GZIP}" -9n {} +)
    endif()
    add_custom_command(
        OUTPUT "${doc_folder}/man${section}.made"
        COMMAND "${doc_scripts}/man.sh" ${section} "${doc_folder}/man${section}" "${doc_date}" "${PROJECT_VERSION}"
                ${arg_UNPARSED_ARGUMENTS}
        ${compress}
        COMMAND "${CMAKE_COMMAND}" -E touch "${doc_folder}/man${section}.made"
        DEPENDS ${arg_DEPENDS} "${doc_scripts}/man.sh" "${doc_scripts}/man${section}.awk" "${doc_scripts}/mdoc.awk"
                "${doc_scripts}/expand.awk"
        COMMENT "Writing the man pages of section ${section}"
        VERBATIM)
    add_custom_target(seckill-man${section} ALL DEPENDS "${doc_folder}/man${section}.made")
    if(SECKILL_INSTALL)
        install(DIRECTORY "${doc_folder}/man${section}" DESTINATION "${CMAKE_INSTALL_MANDIR}" COMPONENT ${component})
    endif()
endfunction()

# Each installed program, and what it is for.
set(doc_briefs
    "seckill-ctl|run flash sales: items, stock, orders, proofs"
    "seckill-front|serve flash sales over HTTP"
    "seckill-worker|decide queued requests, expire reservations, write orders")

find_program(SECKILL_AWK awk)
find_program(SECKILL_GZIP gzip)
if(SECKILL_AWK)
    seckill_man(3 development ${doc_headers} DEPENDS ${doc_headers})
    set(doc_programs "")
    set(doc_targets "")
    foreach(brief IN LISTS doc_briefs)
        string(REGEX REPLACE "\\|.*" "" name "${brief}")
        if(TARGET ${name})
            list(APPEND doc_programs "${brief}|$<TARGET_FILE:${name}>")
            list(APPEND doc_targets ${name})
        endif()
    endforeach()
    if(doc_targets AND NOT CMAKE_CROSSCOMPILING)
        seckill_man(1 tools ${doc_programs} DEPENDS ${doc_targets})
        message(STATUS "Man pages: yes")
    else()
        message(STATUS "Man pages: of the library only (programs are not built, or cannot be run here)")
    endif()
else()
    message(STATUS "Man pages: no (there is no awk)")
endif()

find_program(SECKILL_DOXYGEN doxygen)
if(SECKILL_DOXYGEN)
    configure_file("${doc_scripts}/Doxyfile.in" "${doc_folder}/Doxyfile" @ONLY)
    add_custom_target(doc COMMAND "${SECKILL_DOXYGEN}" "${doc_folder}/Doxyfile" COMMENT "Writing ${doc_folder}/html" VERBATIM)
else()
    message(STATUS "Reference in HTML (target doc): no (there is no doxygen)")
endif()
