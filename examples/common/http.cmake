# An HTTP/1.1 server on libuv and llhttp, for the examples that serve: include(.../common/http.cmake), link `example_http`, and
# include "http/server.h".
if(NOT TARGET example_http)
    find_package(PkgConfig REQUIRED)
    pkg_check_modules(SECKILL_HTTP_LIBUV REQUIRED IMPORTED_TARGET GLOBAL "libuv>=1.44")

    # llhttp: a library where the distribution has one (Debian 13: libllhttp-dev), else its C sources (Debian 12: node-llhttp).
    pkg_check_modules(SECKILL_LLHTTP QUIET IMPORTED_TARGET GLOBAL libllhttp)
    if(SECKILL_LLHTTP_FOUND)
        set(example_llhttp PkgConfig::SECKILL_LLHTTP)
    else()
        find_path(SECKILL_LLHTTP_SOURCES llhttp.c PATHS /usr/share/llhttp NO_DEFAULT_PATH)
        find_path(SECKILL_LLHTTP_INCLUDE llhttp.h PATHS /usr/share/include/llhttp NO_DEFAULT_PATH)
        if(NOT SECKILL_LLHTTP_SOURCES OR NOT SECKILL_LLHTTP_INCLUDE)
            message(FATAL_ERROR "The examples that serve HTTP need llhttp. On Debian 13: apt install libllhttp-dev; on Debian 12: "
                                "node-llhttp (./examples/install build does it).")
        endif()
        add_library(example_llhttp STATIC "${SECKILL_LLHTTP_SOURCES}/api.c" "${SECKILL_LLHTTP_SOURCES}/http.c"
                                          "${SECKILL_LLHTTP_SOURCES}/llhttp.c")
        target_include_directories(example_llhttp SYSTEM PUBLIC "${SECKILL_LLHTTP_INCLUDE}")
        target_compile_definitions(example_llhttp PUBLIC LLHTTP_STRICT_MODE=1)
        target_compile_options(example_llhttp PRIVATE -w)
        set(example_llhttp example_llhttp)
    endif()

    set(example_http_sources accept.c connection.c deadlines.c listen.c parser.c peers.c reply.c request.c server.c)
    list(TRANSFORM example_http_sources PREPEND "${CMAKE_CURRENT_LIST_DIR}/http/")
    add_library(example_http STATIC ${example_http_sources})
    set_target_properties(example_http PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON)
    target_compile_definitions(example_http PRIVATE _GNU_SOURCE)
    target_compile_options(example_http PRIVATE ${SECKILL_WARNINGS})
    target_include_directories(example_http PUBLIC "${CMAKE_CURRENT_LIST_DIR}")
    target_link_libraries(example_http PUBLIC ${example_llhttp} PkgConfig::SECKILL_HTTP_LIBUV)
endif()
