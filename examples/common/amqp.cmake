# A connection to RabbitMQ and the messages there, for the examples and tests that use them: include(.../common/amqp.cmake), then
# link `example_amqp` if that target is there: without librabbitmq or liburiparser it is not. The program brings options.c.
include("${CMAKE_CURRENT_LIST_DIR}/url.cmake")
if(NOT TARGET example_amqp)
    find_package(PkgConfig REQUIRED)
    pkg_check_modules(SECKILL_RABBITMQ IMPORTED_TARGET GLOBAL librabbitmq>=0.11)
    if(SECKILL_RABBITMQ_FOUND AND TARGET example_url)
        pkg_check_modules(SECKILL_AMQP_JANSSON REQUIRED IMPORTED_TARGET GLOBAL "jansson>=2.13")
        pkg_check_modules(SECKILL_AMQP_SODIUM REQUIRED IMPORTED_TARGET GLOBAL "libsodium>=1.0.18")
        set(example_amqp_sources amqp_link.c message.c json.c)
        list(TRANSFORM example_amqp_sources PREPEND "${CMAKE_CURRENT_LIST_DIR}/")
        add_library(example_amqp STATIC ${example_amqp_sources})
        set_target_properties(example_amqp PROPERTIES C_STANDARD 11 C_STANDARD_REQUIRED ON)
        target_compile_definitions(example_amqp PRIVATE _GNU_SOURCE)
        target_compile_options(example_amqp PRIVATE ${SECKILL_WARNINGS})
        target_include_directories(example_amqp PUBLIC "${CMAKE_CURRENT_LIST_DIR}")
        # Headers only: whoever uses it chooses the shared or the static library.
        target_include_directories(example_amqp PUBLIC $<TARGET_PROPERTY:seckill::seckill,INTERFACE_INCLUDE_DIRECTORIES>)
        target_link_libraries(example_amqp PUBLIC PkgConfig::SECKILL_RABBITMQ example_url PkgConfig::SECKILL_AMQP_JANSSON
                                                  PkgConfig::SECKILL_AMQP_SODIUM)
    endif()
endif()
