# ctest entries that check the house itself.

add_test(NAME layers COMMAND ${CMAKE_COMMAND} -D ROOT=${PROJECT_SOURCE_DIR} -P ${PROJECT_SOURCE_DIR}/cmake/check_layers.cmake)
add_test(NAME layers_self_test
  COMMAND ${CMAKE_COMMAND} -D SCRATCH=${PROJECT_BINARY_DIR}/layers_self_test
          -P ${PROJECT_SOURCE_DIR}/cmake/check_layers_test.cmake)

add_test(NAME named_tests
  COMMAND ${CMAKE_COMMAND} -D ROOT=${PROJECT_SOURCE_DIR} -D DOCUMENTS=docs/reliability.md,docs/threat-model.md
          -P ${PROJECT_SOURCE_DIR}/cmake/check_named_tests.cmake)

# The package as an embedder sees it: installed, found, linked, run.
if(DALSEGNO_INSTALL)
  string(JOIN " " flags ${dalsegno_sanitize_flags})
  dalsegno_test_environment(environment)
  add_test(NAME embed
    COMMAND ${CMAKE_COMMAND}
            -D SOURCE=${PROJECT_SOURCE_DIR}/examples/embed
            -D BUILD=${PROJECT_BINARY_DIR}
            -D SCRATCH=${PROJECT_BINARY_DIR}/embed
            -D COMPILER=${CMAKE_CXX_COMPILER}
            "-DFLAGS=${flags}"
            -P ${PROJECT_SOURCE_DIR}/cmake/check_embed.cmake)
  set_tests_properties(embed PROPERTIES
    LABELS slow TIMEOUT 300 ENVIRONMENT "${environment}" SKIP_REGULAR_EXPRESSION "embed: skipped")
endif()
