# The few helpers that a folder's CMakeLists.txt needs. Sources are listed, never globbed. Paths are relative to the
# folder; includes are written from the project's root (`#include "storage/log/seal.h"`).
#
# A library (static; warnings and precompiled headers are added):
#
#   dalsegno_library(dalsegno_log
#     SOURCES chain.cc seal.cc
#     HEADERS chain.h event_log.h seal.h
#     DEPENDS dalsegno_api dalsegno_event        # seen in our headers
#     PRIVATE_DEPENDS OpenSSL::Crypto)           # used in our sources only
#
# A schema, compiled by flatc to build/<preset>/generated/storage/event/event_generated.h:
#
#   dalsegno_flatbuffers(dalsegno_event event.fbs)     # #include "storage/event/event_generated.h"
#
# Headers without sources:
#
#   dalsegno_interface(dalsegno_api HEADERS compiler.h result.h DEPENDS Boost::headers)
#
# A program; it lands in build/<preset>/bin:
#
#   dalsegno_executable(dalsegno SOURCES main.cc show.cc DEPENDS dalsegno_runtime CLI11::CLI11)
#
# A test program (Google Test and rapidcheck, with their main): one ctest entry. The label `threads` has it run
# under ThreadSanitizer as well; `slow` is for what takes more than a few seconds.
#
#   dalsegno_test(seal_test seal_test.cc DEPENDS dalsegno_log LABELS threads TIMEOUT 60)
#
# A fuzz target (libFuzzer), built by the preset `fuzz` only. If a folder <name>_seeds lies beside the source, its
# files are the first inputs. ctest runs it for DALSEGNO_FUZZ_SECONDS.
#
#   dalsegno_fuzz(json_fuzz json_fuzz.cc DEPENDS dalsegno_event)
#
# In dalsegno_test and dalsegno_fuzz, LIBS means the same as DEPENDS.

include_guard()

# Adds a folder if it has a CMakeLists.txt.
function(dalsegno_room folder)
  if(EXISTS ${PROJECT_SOURCE_DIR}/${folder}/CMakeLists.txt)
    add_subdirectory(${PROJECT_SOURCE_DIR}/${folder} ${PROJECT_BINARY_DIR}/${folder})
  endif()
endfunction()

# Where `#include "storage/log/seal.h"` and `#include <dalsegno/result.h>` are looked up.
function(dalsegno_header_base result)
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  if(folder MATCHES "^include/")
    set(${result} ${PROJECT_SOURCE_DIR}/include PARENT_SCOPE)
  else()
    set(${result} ${PROJECT_SOURCE_DIR} PARENT_SCOPE)
  endif()
endfunction()

function(dalsegno_reuse_pch target pch)
  if(TARGET ${pch})
    target_precompile_headers(${target} REUSE_FROM ${pch})
  endif()
endfunction()

function(dalsegno_library target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;HEADERS;DEPENDS;PRIVATE_DEPENDS")
  dalsegno_check_arguments(dalsegno_library ${target})
  if(NOT arg_SOURCES)
    message(FATAL_ERROR "dalsegno_library(${target}): no SOURCES; use dalsegno_interface for headers alone.")
  endif()
  dalsegno_header_base(base)
  add_library(${target} STATIC)
  target_sources(${target} PRIVATE ${arg_SOURCES})
  if(arg_HEADERS)
    target_sources(${target} PUBLIC FILE_SET HEADERS BASE_DIRS ${base} FILES ${arg_HEADERS})
  endif()
  target_include_directories(${target} PUBLIC $<BUILD_INTERFACE:${base}>)
  target_link_libraries(${target} PUBLIC ${arg_DEPENDS} PRIVATE ${arg_PRIVATE_DEPENDS} dalsegno_warnings)
  set_target_properties(${target} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
  dalsegno_reuse_pch(${target} dalsegno_pch)
  set_property(GLOBAL APPEND PROPERTY dalsegno_libraries ${target})
endfunction()

function(dalsegno_interface target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "HEADERS;DEPENDS")
  dalsegno_check_arguments(dalsegno_interface ${target})
  dalsegno_header_base(base)
  add_library(${target} INTERFACE)
  target_sources(${target} INTERFACE FILE_SET HEADERS BASE_DIRS ${base} FILES ${arg_HEADERS})
  target_link_libraries(${target} INTERFACE ${arg_DEPENDS})
  target_compile_features(${target} INTERFACE cxx_std_23)
  set_target_properties(${target} PROPERTIES VERIFY_INTERFACE_HEADER_SETS ON)
endfunction()

function(dalsegno_flatbuffers target schema)
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR})
  cmake_path(GET schema STEM name)
  set(directory ${PROJECT_BINARY_DIR}/generated/${folder})
  set(header ${directory}/${name}_generated.h)
  add_custom_command(OUTPUT ${header}
    COMMAND ${DALSEGNO_FLATC} --cpp --cpp-std c++17 --scoped-enums --gen-object-api --gen-compare
            -o ${directory} ${CMAKE_CURRENT_SOURCE_DIR}/${schema}
    DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${schema} ${DALSEGNO_FLATC}
    COMMENT "Compiling ${folder}/${schema}"
    VERBATIM)
  # Whoever includes the generated header waits for it; it is not ours to fix, hence SYSTEM.
  add_custom_target(${target}_schema DEPENDS ${header})
  add_library(${target}_generated INTERFACE)
  target_include_directories(${target}_generated SYSTEM INTERFACE ${PROJECT_BINARY_DIR}/generated)
  target_link_libraries(${target}_generated INTERFACE flatbuffers::flatbuffers)
  add_dependencies(${target}_generated ${target}_schema)
  target_link_libraries(${target} PUBLIC ${target}_generated)
endfunction()

function(dalsegno_executable target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;DEPENDS")
  dalsegno_check_arguments(dalsegno_executable ${target})
  add_executable(${target} ${arg_SOURCES})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${target} PRIVATE ${arg_DEPENDS} dalsegno_warnings)
  # Steps are made on one thread and freed on another: glibc's allocator pays for that with locks, jemalloc does not
  # (step_throughput_256: 0.56 of the limit without, 0.68 with). A sanitizer brings an allocator of its own.
  if(NOT DALSEGNO_SANITIZE)
    find_library(DALSEGNO_JEMALLOC jemalloc DOC "For our programs; without it they use the C library's allocator")
    mark_as_advanced(DALSEGNO_JEMALLOC)
    if(DALSEGNO_JEMALLOC)
      target_link_libraries(${target} PRIVATE ${DALSEGNO_JEMALLOC})
      target_sources(${target} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/allocator.cc)
    endif()
  endif()
  dalsegno_reuse_pch(${target} dalsegno_pch)
endfunction()

# One environment for all tests. A sanitizer's report ends the program with its own exit code.
function(dalsegno_test_environment result)
  set(suppressions ${PROJECT_SOURCE_DIR}/cmake/tsan.supp)
  set(environment
    "ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1:check_initialization_order=1"
    "UBSAN_OPTIONS=print_stacktrace=1"
    "TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:suppressions='${suppressions}'")
  if(LLVM_SYMBOLIZER)
    list(APPEND environment "ASAN_SYMBOLIZER_PATH=${LLVM_SYMBOLIZER}" "TSAN_SYMBOLIZER_PATH=${LLVM_SYMBOLIZER}")
  endif()
  # Public test data lies beside the project if it is there at all; tests that want it skip without.
  cmake_path(SET data NORMALIZE "${PROJECT_SOURCE_DIR}/../shared/data")
  if(IS_DIRECTORY ${data})
    list(APPEND environment "DALSEGNO_SHARED_DATA=${data}")
  endif()
  set(${result} "${environment}" PARENT_SCOPE)
endfunction()

function(dalsegno_test target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "SOURCES;LIBS;DEPENDS;LABELS")
  if(DALSEGNO_SANITIZE STREQUAL "fuzz")
    return()
  endif()
  if(NOT arg_TIMEOUT)
    set(arg_TIMEOUT 120)
  endif()
  add_executable(${target} ${arg_UNPARSED_ARGUMENTS} ${arg_SOURCES})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${target} PRIVATE
    ${arg_LIBS} ${arg_DEPENDS} GTest::gmock GTest::gtest GTest::gtest_main rapidcheck::rapidcheck dalsegno_warnings)
  dalsegno_reuse_pch(${target} dalsegno_test_pch)
  dalsegno_test_environment(environment)
  add_test(NAME ${target} COMMAND ${target})
  set_tests_properties(${target} PROPERTIES
    LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} ENVIRONMENT "${environment}")
  if("threads" IN_LIST arg_LABELS)
    add_dependencies(dalsegno_threads_tests ${target})
  endif()
endfunction()

function(dalsegno_fuzz target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LIBS;DEPENDS")
  if(NOT DALSEGNO_SANITIZE STREQUAL "fuzz")
    return()
  endif()
  add_executable(${target} ${arg_UNPARSED_ARGUMENTS} ${arg_SOURCES})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
  target_link_libraries(${target} PRIVATE ${arg_LIBS} ${arg_DEPENDS} dalsegno_warnings)
  target_link_options(${target} PRIVATE -fsanitize=fuzzer)
  dalsegno_reuse_pch(${target} dalsegno_pch)
  # What a run finds worth keeping stays in the build folder and is where the next run begins.
  set(found ${PROJECT_BINARY_DIR}/fuzz/${target})
  file(MAKE_DIRECTORY ${found}/corpus)
  set(seeds ${CMAKE_CURRENT_SOURCE_DIR}/${target}_seeds)
  if(NOT IS_DIRECTORY ${seeds})
    set(seeds "")
  endif()
  dalsegno_test_environment(environment)
  math(EXPR timeout "${DALSEGNO_FUZZ_SECONDS} + 120")
  add_test(NAME ${target}
    COMMAND ${target} -max_total_time=${DALSEGNO_FUZZ_SECONDS} -timeout=10 -print_final_stats=0 -verbosity=0
            -artifact_prefix=${found}/ ${found}/corpus ${seeds})
  set_tests_properties(${target} PROPERTIES LABELS fuzz TIMEOUT ${timeout} ENVIRONMENT "${environment}")
  add_dependencies(dalsegno_fuzzers ${target})
endfunction()

# A misspelt keyword must not vanish.
macro(dalsegno_check_arguments command target)
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "${command}(${target}): not understood: ${arg_UNPARSED_ARGUMENTS}")
  endif()
endmacro()

# What `./dev test` builds in the presets tsan and fuzz.
add_custom_target(dalsegno_threads_tests)
add_custom_target(dalsegno_fuzzers)

# What only our own build needs: flatc, the command line parser, the test libraries.
find_program(DALSEGNO_FLATC flatc REQUIRED)
mark_as_advanced(DALSEGNO_FLATC)
find_package(CLI11 CONFIG REQUIRED)
find_package(benchmark CONFIG REQUIRED)
if(DALSEGNO_TESTS)
  find_package(GTest CONFIG REQUIRED)
  # Debian's rapidcheckConfig.cmake looks for its files in the wrong folder.
  find_path(RAPIDCHECK_INCLUDE_DIRECTORY rapidcheck/gtest.h REQUIRED)
  find_library(RAPIDCHECK_LIBRARY rapidcheck REQUIRED)
  mark_as_advanced(RAPIDCHECK_INCLUDE_DIRECTORY RAPIDCHECK_LIBRARY)
  add_library(rapidcheck::rapidcheck UNKNOWN IMPORTED)
  set_target_properties(rapidcheck::rapidcheck PROPERTIES
    IMPORTED_LOCATION "${RAPIDCHECK_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${RAPIDCHECK_INCLUDE_DIRECTORY}")
  if(DALSEGNO_PCH AND NOT DALSEGNO_SANITIZE STREQUAL "fuzz")
    dalsegno_precompiled(dalsegno_test_pch
      HEADERS ${dalsegno_common_headers} <gtest/gtest.h>
      DEPENDS GTest::gtest)
  endif()
endif()
