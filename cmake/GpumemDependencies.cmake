# SPDX-License-Identifier: MIT
# Find what the project needs; what is missing is answered by one line that
# names the Debian package.

find_program(PKG_CONFIG_EXECUTABLE NAMES pkg-config pkgconf)
if(NOT PKG_CONFIG_EXECUTABLE)
  message(FATAL_ERROR "gpumem needs pkg-config: apt install pkgconf")
endif()
find_package(PkgConfig REQUIRED QUIET)

# gpumem_need_module(PREFIX pkg-config-name debian-package): gives the target
# PkgConfig::PREFIX.
macro(gpumem_need_module prefix module package)
  pkg_check_modules(${prefix} IMPORTED_TARGET QUIET ${module})
  if(NOT ${prefix}_FOUND)
    message(FATAL_ERROR "gpumem needs ${module}: apt install ${package}")
  endif()
endmacro()

# gpumem_need_package(cmake-name debian-package...)
macro(gpumem_need_package name)
  find_package(${name} QUIET)
  if(NOT ${name}_FOUND)
    string(REPLACE ";" " " gpumem_packages "${ARGN}")
    message(FATAL_ERROR "gpumem needs ${name}: apt install ${gpumem_packages}")
  endif()
endmacro()

gpumem_need_module(LIBDRM libdrm libdrm-dev)
