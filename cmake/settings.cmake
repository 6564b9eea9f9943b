# How everything is compiled and linked. Read once by the top CMakeLists.txt.

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
# For all alike: so that programs and libraries can share a precompiled header, and so that an embedder may link us
# into a shared library.
add_compile_options(-fPIC)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)

if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 14)
  message(FATAL_ERROR
    "GCC ${CMAKE_CXX_COMPILER_VERSION} miscompiles coroutines. Use a preset (cmake --preset release) "
    "or -DCMAKE_CXX_COMPILER=clang++-19.")
endif()

# Assertions stay on in every build: stop before writing something wrong.
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()
foreach(configuration RELEASE RELWITHDEBINFO MINSIZEREL)
  string(REGEX REPLACE "[-/]DNDEBUG" "" CMAKE_CXX_FLAGS_${configuration} "${CMAKE_CXX_FLAGS_${configuration}}")
endforeach()

# ccache. With precompiled headers it needs to be told what it may overlook (see its manual,
# "Precompiled headers"); being part of the command, this holds for every way to start a build.
find_program(CCACHE ccache)
find_program(ENV_COMMAND env)
mark_as_advanced(CCACHE ENV_COMMAND)
if(CCACHE AND ENV_COMMAND)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${ENV_COMMAND}
    "CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime" ${CCACHE})
endif()

# mold, else lld, else what the compiler takes by itself.
find_program(MOLD ld.mold)
find_program(LLD NAMES ld.lld-19 ld.lld)
mark_as_advanced(MOLD LLD)
if(MOLD)
  add_link_options(-fuse-ld=mold)
elseif(LLD)
  add_link_options(-fuse-ld=lld)
endif()

# Sanitizers. What they find ends the program, so that a test cannot pass over it.
set(dalsegno_sanitize_flags "")
if(DALSEGNO_SANITIZE STREQUAL "address")
  set(dalsegno_sanitize_flags -fsanitize=address,undefined -fno-sanitize-recover=all)
elseif(DALSEGNO_SANITIZE STREQUAL "thread")
  set(dalsegno_sanitize_flags -fsanitize=thread)
elseif(DALSEGNO_SANITIZE STREQUAL "fuzz")
  set(dalsegno_sanitize_flags -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all)
elseif(NOT DALSEGNO_SANITIZE STREQUAL "")
  message(FATAL_ERROR "DALSEGNO_SANITIZE is '${DALSEGNO_SANITIZE}'; it may be empty, address, thread or fuzz.")
endif()
if(dalsegno_sanitize_flags)
  add_compile_options(${dalsegno_sanitize_flags} -fno-omit-frame-pointer)
  add_link_options(${dalsegno_sanitize_flags})
  # Checks of the standard library (index in range, iterator valid) that do not change its layout.
  add_compile_definitions(_GLIBCXX_ASSERTIONS)
endif()
find_program(LLVM_SYMBOLIZER NAMES llvm-symbolizer-19 llvm-symbolizer)
mark_as_advanced(LLVM_SYMBOLIZER)

# Warnings: link this privately.
add_library(dalsegno_warnings INTERFACE)
target_compile_options(dalsegno_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor
  $<$<BOOL:${DALSEGNO_WERROR}>:-Werror>)

# Precompiled headers: one for the libraries (standard headers only), one for the tests (Google Test
# as well). Each is compiled once and reused by all targets. Without a time stamp in it, ccache
# recognizes it again after a clean checkout.
option(DALSEGNO_PCH "Precompile common headers" ON)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  set(CMAKE_PCH_INSTANTIATE_TEMPLATES ON)
  add_compile_options("SHELL:-Xclang -fno-pch-timestamp")
endif()
set(dalsegno_common_headers
  <algorithm> <atomic> <chrono> <expected> <functional> <map> <memory> <mutex> <optional> <span>
  <string> <string_view> <thread> <variant> <vector>)

# dalsegno_precompiled(<target> HEADERS <header>... [DEPENDS <target>...])
# An object library that exists for its precompiled header.
function(dalsegno_precompiled target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "HEADERS;DEPENDS")
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/${target}.cc CONTENT "// Holds a precompiled header.\n")
  add_library(${target} OBJECT ${PROJECT_BINARY_DIR}/generated/${target}.cc)
  target_link_libraries(${target} PRIVATE dalsegno_warnings ${arg_DEPENDS})
  target_precompile_headers(${target} PRIVATE ${arg_HEADERS})
endfunction()
if(DALSEGNO_PCH)
  dalsegno_precompiled(dalsegno_pch HEADERS ${dalsegno_common_headers})
endif()
