# SPDX-License-Identifier: MIT
# Runs the gallery with bad command lines: one line on standard error, nothing on
# standard output, and the documented exit status.
#   cmake -D GALLERY=path/to/gpumem-gallery -P cli_test.cmake

function(expect status)
  execute_process(COMMAND ${GALLERY} ${ARGN}
    RESULT_VARIABLE result OUTPUT_VARIABLE out ERROR_VARIABLE err)
  if(NOT result EQUAL ${status})
    message(SEND_ERROR "gpumem-gallery ${ARGN}: exit status ${result}, not ${status}")
  endif()
  if(status EQUAL 0)
    if(out STREQUAL "" OR NOT err STREQUAL "")
      message(SEND_ERROR "gpumem-gallery ${ARGN}: should print on stdout only")
    endif()
  elseif(NOT out STREQUAL "" OR NOT err MATCHES "^gpumem-gallery: [^\n]+\n$")
    message(SEND_ERROR "gpumem-gallery ${ARGN}: not one clear line: ${out}${err}")
  endif()
endfunction()

expect(0 --help)
expect(2 --no-such-option)
expect(2 stray)
expect(2 --frames 0)
expect(2 --frames many)
expect(2 --budget 0)
expect(2 --png-every often)
expect(2 --import magic)
expect(2 --size big --no-display)
expect(2 --size 1x1 --no-display)
expect(1 --hold-file /nonexistent --no-display)
