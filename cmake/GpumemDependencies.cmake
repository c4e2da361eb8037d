# SPDX-License-Identifier: MIT
# Find what the project needs; what is missing is answered by one line that
# names the Debian package.

# gpumem_need_module(PREFIX pkg-config-name debian-package): gives the target
# PkgConfig::PREFIX.
macro(gpumem_need_module prefix module package)
  pkg_check_modules(${prefix} IMPORTED_TARGET QUIET ${module})
  if(NOT ${prefix}_FOUND)
    message(FATAL_ERROR "gpumem needs ${module}: apt install ${package}")
  endif()
endmacro()

# gpumem_need_package(cmake-name debian-package)
macro(gpumem_need_package name package)
  find_package(${name} QUIET)
  if(NOT ${name}_FOUND)
    message(FATAL_ERROR "gpumem needs ${name}: apt install ${package}")
  endif()
endmacro()

# gpumem_need_program(VARIABLE program debian-package)
macro(gpumem_need_program variable program package)
  find_program(${variable} ${program})
  if(NOT ${variable})
    message(FATAL_ERROR "gpumem needs ${program}: apt install ${package}")
  endif()
endmacro()

# gpumem_need_header(VARIABLE header debian-package): the directory that holds it.
macro(gpumem_need_header variable header package)
  find_path(${variable} ${header})
  if(NOT ${variable})
    message(FATAL_ERROR "gpumem needs ${header}: apt install ${package}")
  endif()
endmacro()

gpumem_need_package(PkgConfig pkgconf)
gpumem_need_module(LIBDRM libdrm libdrm-dev)
