# What `cmake --install` puts where: headers, both libraries, the pkg-config module and the CMake package.
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/seckill")

install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/seckill" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" FILES_MATCHING PATTERN "*.h")
install(TARGETS seckill EXPORT seckill-targets LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(TARGETS seckill_static EXPORT seckill-static-targets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(EXPORT seckill-targets NAMESPACE seckill:: DESTINATION "${package_dir}")
install(EXPORT seckill-static-targets NAMESPACE seckill:: DESTINATION "${package_dir}")

set(SECKILL_FIND_REQUIRES "")
foreach(module IN LISTS SECKILL_REQUIRES)
    string(TOUPPER "SECKILL_${module}" prefix)
    string(APPEND SECKILL_FIND_REQUIRES "    seckill_find(${prefix} \"${module}>=${SECKILL_REQUIRES_${module}}\")\n")
endforeach()
configure_package_config_file("${PROJECT_SOURCE_DIR}/pkgconfig/seckill-config.cmake.in"
                              "${CMAKE_CURRENT_BINARY_DIR}/seckill-config.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${CMAKE_CURRENT_BINARY_DIR}/seckill-config-version.cmake" VERSION ${PROJECT_VERSION}
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/seckill-config.cmake" "${CMAKE_CURRENT_BINARY_DIR}/seckill-config-version.cmake"
        DESTINATION "${package_dir}")

# The prefix is written relative to the .pc file, so that the tree can be moved.
file(RELATIVE_PATH SECKILL_PC_PREFIX "${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig" "${CMAKE_INSTALL_PREFIX}")
string(REGEX REPLACE "/$" "" SECKILL_PC_PREFIX "${SECKILL_PC_PREFIX}")
foreach(dir IN ITEMS LIBDIR INCLUDEDIR)
    if(IS_ABSOLUTE "${CMAKE_INSTALL_${dir}}")
        set(SECKILL_PC_${dir} "${CMAKE_INSTALL_${dir}}")
    else()
        set(SECKILL_PC_${dir} "\${prefix}/${CMAKE_INSTALL_${dir}}")
    endif()
endforeach()
configure_file("${PROJECT_SOURCE_DIR}/pkgconfig/libseckill.pc.in" "${CMAKE_CURRENT_BINARY_DIR}/libseckill.pc" @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/libseckill.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
