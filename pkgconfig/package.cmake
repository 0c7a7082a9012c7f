# What CPack makes: a Debian package of each component. `cmake --preset deb && cmake --build --preset deb` builds all and calls it.
get_target_property(soname_number seckill SOVERSION)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME libseckill${soname_number})
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_NAME libseckill-dev)
set(CPACK_DEBIAN_TOOLS_PACKAGE_NAME seckill-tools)
set(CPACK_COMPONENTS_ALL runtime development)
if(SECKILL_BUILD_EXAMPLES)
    list(APPEND CPACK_COMPONENTS_ALL tools)
endif()

# ---- what Debian wants to know

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME libseckill)
set(CPACK_DEBIAN_PACKAGE_SOURCE libseckill)
# Whoever builds packages for others answers for them, and says so as with Debian's own tools. `.invalid` is nobody's address.
set(maintainer "libseckill developers <libseckill@localhost.invalid>")
if(DEFINED ENV{DEBEMAIL})
    set(maintainer "$ENV{DEBFULLNAME} <$ENV{DEBEMAIL}>")
endif()
set(CPACK_DEBIAN_PACKAGE_MAINTAINER "${maintainer}")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SECTION net)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # else it would be the first line of each
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION
    "library for flash sales on Redis - shared library
Keeps the stock of one product on many Redis keys, takes units atomically, and
proves each take with a signed token. It never sells more than there is, never
lets a retry take a second unit, and never loses a unit to a crash.

This package contains the shared library.")
set(CPACK_DEBIAN_DEVELOPMENT_DESCRIPTION
    "library for flash sales on Redis - development files
Keeps the stock of one product on many Redis keys, takes units atomically, and
proves each take with a signed token. Asynchronous, on libuv or a loop of the
host's.

This package contains the headers, the static library, and what pkg-config and
CMake need to find both libraries.")
set(CPACK_DEBIAN_TOOLS_DESCRIPTION
    "flash sales on Redis - HTTP front, worker, operator's command
seckill-front offers flash sales over HTTP, seckill-worker decides queued
requests and writes orders, seckill-ctl defines items, loads stock and proves
the account.

In /usr/share/seckill are the edge (nginx and Lua), units and configurations
to be adapted, and how to run a sale.")

# ---- what they depend on

foreach(program IN ITEMS dpkg-shlibdeps file) # without the first CPack goes on, and the packages would depend on nothing
    string(TOUPPER "SECKILL_${program}" variable)
    find_program(${variable} ${program})
    if(NOT ${variable})
        message(FATAL_ERROR "Packages are made with ${program}. On Debian: apt install dpkg-dev file (./examples/install build does it).")
    endif()
endforeach()
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_DEVELOPMENT_PACKAGE_SHLIBDEPS OFF) # it has no program
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${PROJECT_BINARY_DIR}/lib")
set(CPACK_DEBIAN_ENABLE_COMPONENT_DEPENDS ON)
set(CPACK_COMPONENT_DEVELOPMENT_DEPENDS runtime)
set(CPACK_COMPONENT_TOOLS_DEPENDS runtime)
# The static library, and with it `pkg-config --static` and seckill::seckill_static.
set(static_needs "")
foreach(module IN LISTS SECKILL_USES)
    foreach(package IN LISTS SECKILL_DEBIAN_${module})
        list(APPEND static_needs "${package}")
    endforeach()
endforeach()
list(REMOVE_DUPLICATES static_needs)
list(JOIN static_needs ", " CPACK_DEBIAN_DEVELOPMENT_PACKAGE_DEPENDS)
set(CPACK_DEBIAN_TOOLS_PACKAGE_SUGGESTS
    "redis-server (>= 5:7.0) | valkey-server, nginx, libnginx-mod-http-lua, lua-nginx-redis, lua-resty-core")

# What packages of programs depend on that are linked with it; and the trigger runs ldconfig once for all that is installed.
file(WRITE "${PROJECT_BINARY_DIR}/shlibs"
     "libseckill ${soname_number} ${CPACK_DEBIAN_RUNTIME_PACKAGE_NAME} (>= ${PROJECT_VERSION})\n")
file(WRITE "${PROJECT_BINARY_DIR}/triggers" "activate-noawait ldconfig\n")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_CONTROL_EXTRA "${PROJECT_BINARY_DIR}/shlibs" "${PROJECT_BINARY_DIR}/triggers")
file(WRITE "${PROJECT_BINARY_DIR}/overrides" "# CPack writes a postinst and a postrm that call it, besides our trigger.\n"
                                             "${CPACK_DEBIAN_RUNTIME_PACKAGE_NAME}: maintscript-calls-ldconfig\n")
install(FILES "${PROJECT_BINARY_DIR}/overrides" DESTINATION "${CMAKE_INSTALL_DATADIR}/lintian/overrides"
        RENAME ${CPACK_DEBIAN_RUNTIME_PACKAGE_NAME} COMPONENT runtime)

# ---- what each has beside the files of its component

find_program(SECKILL_GZIP gzip REQUIRED)
string(TIMESTAMP date "%a, %d %b %Y %H:%M:%S +0000" UTC) # of SOURCE_DATE_EPOCH, where that is set
set(changelog "${PROJECT_BINARY_DIR}/changelog")
file(WRITE "${changelog}" "libseckill (${PROJECT_VERSION}) unstable; urgency=medium\n\n"
                          "  * What is new is said by CHANGELOG.md, in the documents of libseckill-dev.\n\n"
                          " -- ${maintainer}  ${date}\n")
foreach(file IN ITEMS "${changelog}" "${PROJECT_SOURCE_DIR}/CHANGELOG.md")
    get_filename_component(name "${file}" NAME)
    execute_process(COMMAND "${SECKILL_GZIP}" -9n INPUT_FILE "${file}" OUTPUT_FILE "${PROJECT_BINARY_DIR}/${name}.gz")
endforeach()
file(READ "${PROJECT_SOURCE_DIR}/LICENSE" licence)
string(REGEX REPLACE "^.*\nCopyright \\(c\\) ([^\n]*)\n.*$" "\\1" SECKILL_COPYRIGHT "${licence}")
string(REGEX REPLACE "^.*\n(Permission is hereby)" "\\1" licence "${licence}")
string(STRIP "${licence}" licence)
string(REPLACE "\n\n" "\n.\n" licence "${licence}")
string(REPLACE "\n" "\n " SECKILL_LICENCE "${licence}")
configure_file(pkgconfig/copyright.in copyright @ONLY)
foreach(component IN LISTS CPACK_COMPONENTS_ALL)
    string(TOUPPER "CPACK_DEBIAN_${component}_PACKAGE_NAME" package)
    install(FILES "${PROJECT_BINARY_DIR}/copyright" "${changelog}.gz" DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/${${package}}"
            COMPONENT ${component})
endforeach()
foreach(component IN ITEMS development tools)
    install(CODE "file(GLOB_RECURSE pages \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_MANDIR}/*/seckill*.[13]\")
        if(pages)
            execute_process(COMMAND \"${SECKILL_GZIP}\" -9nf \${pages} COMMAND_ERROR_IS_FATAL ANY)
        endif()" COMPONENT ${component})
endforeach()
install(FILES "${PROJECT_BINARY_DIR}/CHANGELOG.md.gz" DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/libseckill-dev" COMPONENT development)

# ---- how they are made

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
# Folders are 0755 whatever the umask.
set(CPACK_INSTALL_DEFAULT_DIRECTORY_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
