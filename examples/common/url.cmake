# URLs that name a server, for the examples and tests that use them: include(.../common/url.cmake), then link `example_url` if
# that target is there: without liburiparser it is not.
if(NOT TARGET example_url)
    find_package(PkgConfig REQUIRED)
    pkg_check_modules(SECKILL_URIPARSER IMPORTED_TARGET GLOBAL liburiparser>=0.9)
    if(SECKILL_URIPARSER_FOUND)
        add_library(example_url STATIC "${CMAKE_CURRENT_LIST_DIR}/url.c")
        set_target_properties(example_url PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF)
        target_compile_options(example_url PRIVATE ${SECKILL_WARNINGS})
        target_include_directories(example_url PUBLIC "${CMAKE_CURRENT_LIST_DIR}")
        target_link_libraries(example_url PRIVATE PkgConfig::SECKILL_URIPARSER)
    endif()
endif()
