# What Dalsegno needs from outside. The build reads this, and so does the installed package.
# All of it comes from Debian 12; afterwards these targets exist:
#
#   Boost::headers, OpenSSL::Crypto, OpenSSL::SSL, spdlog::spdlog, Threads::Threads, RocksDB::rocksdb-shared,
#   flatbuffers::flatbuffers, re2::re2, RapidJSON::headers, idn2::idn2, date::date-tz

include(CMakeFindDependencyMacro)

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_dependency(Threads)
find_dependency(Boost 1.81)
find_dependency(OpenSSL 3.0)
find_dependency(RocksDB 7.8 CONFIG)
find_dependency(FlatBuffers 2.0.8 CONFIG)
find_dependency(spdlog 1.10 CONFIG)
find_dependency(date 3.0 CONFIG)

# Debian's re2, RapidJSON and libidn2 come without CMake targets.
if(NOT TARGET re2::re2)
  find_path(RE2_INCLUDE_DIRECTORY re2/re2.h)
  find_library(RE2_LIBRARY re2)
  mark_as_advanced(RE2_INCLUDE_DIRECTORY RE2_LIBRARY)
  if(NOT RE2_INCLUDE_DIRECTORY OR NOT RE2_LIBRARY)
    message(FATAL_ERROR "re2 was not found. On Debian: apt install libre2-dev")
  endif()
  add_library(re2::re2 UNKNOWN IMPORTED)
  set_target_properties(re2::re2 PROPERTIES
    IMPORTED_LOCATION "${RE2_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${RE2_INCLUDE_DIRECTORY}"
    INTERFACE_LINK_LIBRARIES Threads::Threads)
endif()
if(NOT TARGET RapidJSON::headers)
  find_path(RAPIDJSON_INCLUDE_DIRECTORY rapidjson/document.h)
  mark_as_advanced(RAPIDJSON_INCLUDE_DIRECTORY)
  if(NOT RAPIDJSON_INCLUDE_DIRECTORY)
    message(FATAL_ERROR "RapidJSON was not found. On Debian: apt install rapidjson-dev")
  endif()
  add_library(RapidJSON::headers INTERFACE IMPORTED)
  set_target_properties(RapidJSON::headers PROPERTIES
    INTERFACE_INCLUDE_DIRECTORIES "${RAPIDJSON_INCLUDE_DIRECTORY}")
endif()
if(NOT TARGET idn2::idn2)
  find_path(IDN2_INCLUDE_DIRECTORY idn2.h)
  find_library(IDN2_LIBRARY idn2)
  mark_as_advanced(IDN2_INCLUDE_DIRECTORY IDN2_LIBRARY)
  if(NOT IDN2_INCLUDE_DIRECTORY OR NOT IDN2_LIBRARY)
    message(FATAL_ERROR "libidn2 was not found. On Debian: apt install libidn2-dev")
  endif()
  add_library(idn2::idn2 UNKNOWN IMPORTED)
  set_target_properties(idn2::idn2 PROPERTIES
    IMPORTED_LOCATION "${IDN2_LIBRARY}"
    INTERFACE_INCLUDE_DIRECTORIES "${IDN2_INCLUDE_DIRECTORY}")
endif()
