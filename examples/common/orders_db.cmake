# The orders database, for the examples and tests that use it: include(.../common/orders_db.cmake), then link `orders_db`.
if(NOT TARGET orders_db)
    find_package(PkgConfig REQUIRED)
    pkg_check_modules(SECKILL_SQLITE IMPORTED_TARGET GLOBAL sqlite3>=3.35)
    if(NOT SECKILL_SQLITE_FOUND)
        message(FATAL_ERROR "The orders database needs SQLite >= 3.35 with its headers. On Debian: apt install libsqlite3-dev")
    endif()
    set(orders_db_sources orders_db.c orders_db_events.c orders_db_query.c orders_db_refunds.c orders_db_replay.c
        orders_db_schema.c)
    list(TRANSFORM orders_db_sources PREPEND "${CMAKE_CURRENT_LIST_DIR}/")
    add_library(orders_db STATIC ${orders_db_sources})
    set_target_properties(orders_db PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON C_EXTENSIONS OFF)
    target_compile_options(orders_db PRIVATE ${SECKILL_WARNINGS})
    target_include_directories(orders_db PUBLIC "${CMAKE_CURRENT_LIST_DIR}")
    # Headers only: whoever uses it chooses the shared or the static library.
    target_include_directories(orders_db PUBLIC $<TARGET_PROPERTY:seckill::seckill,INTERFACE_INCLUDE_DIRECTORIES>)
    target_link_libraries(orders_db PUBLIC PkgConfig::SECKILL_SQLITE)
endif()
