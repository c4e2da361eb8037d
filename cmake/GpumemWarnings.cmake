# SPDX-License-Identifier: MIT
# Compiler warnings and sanitizers, the same for every target of this project.
add_compile_options(
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion)

if(GPUMEM_SANITIZE)
  add_compile_options(
    -fsanitize=address,undefined -fno-sanitize-recover=undefined
    -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()
