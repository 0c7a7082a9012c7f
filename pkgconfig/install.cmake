# What `cmake --install` puts where: headers, both libraries, the pkg-config module and the CMake package. Its components:
#   runtime      what a program needs that was linked with the shared library
#   development  what it is linked with
#   tools        the programs for those who run a sale; see examples/
#   examples     the other examples
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/seckill")

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/seckill" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT development
        FILES_MATCHING PATTERN "*.h")
install(TARGETS seckill EXPORT seckill-targets LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT runtime
                                                                   NAMELINK_COMPONENT development)
install(TARGETS seckill_static EXPORT seckill-static-targets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT development)
install(EXPORT seckill-targets NAMESPACE seckill:: DESTINATION "${package_dir}" COMPONENT development)
install(EXPORT seckill-static-targets NAMESPACE seckill:: DESTINATION "${package_dir}" COMPONENT development)

set(SECKILL_FIND_REQUIRES "")
set(SECKILL_REQUIRES_PRIVATE "")
foreach(module IN LISTS SECKILL_USES)
    string(TOUPPER "SECKILL_${module}" prefix)
    string(APPEND SECKILL_FIND_REQUIRES "    seckill_find(${prefix} \"${module}>=${SECKILL_REQUIRES_${module}}\")\n")
    list(APPEND SECKILL_REQUIRES_PRIVATE "${module} >= ${SECKILL_REQUIRES_${module}}")
endforeach()
list(JOIN SECKILL_REQUIRES_PRIVATE ", " SECKILL_REQUIRES_PRIVATE)
configure_package_config_file("${PROJECT_SOURCE_DIR}/pkgconfig/seckill-config.cmake.in"
                              "${CMAKE_CURRENT_BINARY_DIR}/seckill-config.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/seckill-config-version.cmake" VERSION ${PROJECT_VERSION}
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/seckill-config.cmake" "${CMAKE_CURRENT_BINARY_DIR}/seckill-config-version.cmake"
        DESTINATION "${package_dir}" COMPONENT development)

# The prefix is written relative to the .pc file, so that the tree can be moved. What is in /usr stays there, and pkg-config leaves out
# that compilers look there.
set(SECKILL_PC_PREFIX "/usr")
if(NOT CMAKE_INSTALL_PREFIX STREQUAL "/usr")
    file(RELATIVE_PATH SECKILL_PC_PREFIX "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
    string(REGEX REPLACE "/$" "" SECKILL_PC_PREFIX "\${pcfiledir}/${SECKILL_PC_PREFIX}")
endif()
foreach(dir IN ITEMS LIBDIR INCLUDEDIR)
    if(IS_ABSOLUTE "${CMAKE_INSTALL_${dir}}")
        set(SECKILL_PC_${dir} "${CMAKE_INSTALL_${dir}}")
    else()
        set(SECKILL_PC_${dir} "\${prefix}/${CMAKE_INSTALL_${dir}}")
    endif()
endforeach()
configure_file("${PROJECT_SOURCE_DIR}/pkgconfig/libseckill.pc.in" "${CMAKE_CURRENT_BINARY_DIR}/libseckill.pc" @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/libseckill.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT development)
