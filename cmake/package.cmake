# The package for embedders: public headers, one static library of everything they link, and a CMake config.
#
#   find_package(Dalsegno CONFIG REQUIRED)
#   target_link_libraries(my_program PRIVATE Dalsegno::dalsegno)

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

# The folders are static libraries that nobody outside needs to tell apart, and their headers stay at home. So
# their objects go into one archive, and only the public headers travel with it.
get_property(libraries GLOBAL PROPERTY dalsegno_libraries)
set(bundled "")
foreach(library IN LISTS libraries)
  get_target_property(folder ${library} SOURCE_DIR)
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${folder})
  if(folder MATCHES "^(storage|engine|activities)/")
    list(APPEND bundled ${library})
  endif()
endforeach()

set(installed dalsegno_api)
if(bundled)
  add_library(dalsegno_bundle STATIC)
  set_target_properties(dalsegno_bundle PROPERTIES
    OUTPUT_NAME dalsegno EXPORT_NAME dalsegno LINKER_LANGUAGE CXX)
  foreach(library IN LISTS bundled)
    target_sources(dalsegno_bundle PRIVATE $<TARGET_OBJECTS:${library}>)
  endforeach()
  target_link_libraries(dalsegno_bundle PUBLIC
    dalsegno_api Boost::headers RocksDB::rocksdb-shared flatbuffers::flatbuffers OpenSSL::SSL OpenSSL::Crypto
    re2::re2 idn2::idn2 date::date-tz spdlog::spdlog Threads::Threads)
  list(APPEND installed dalsegno_bundle)
else()
  add_library(dalsegno_bundle INTERFACE)
  set_target_properties(dalsegno_bundle PROPERTIES EXPORT_NAME dalsegno)
  target_link_libraries(dalsegno_bundle INTERFACE dalsegno_api)
  list(APPEND installed dalsegno_bundle)
endif()
set_target_properties(dalsegno_api PROPERTIES EXPORT_NAME api)

set(package_directory ${CMAKE_INSTALL_LIBDIR}/cmake/Dalsegno)
install(TARGETS ${installed} EXPORT DalsegnoTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR}
  FILE_SET HEADERS DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(EXPORT DalsegnoTargets NAMESPACE Dalsegno:: DESTINATION ${package_directory})
if(TARGET dalsegno)
  install(TARGETS dalsegno RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()

configure_package_config_file(
  ${PROJECT_SOURCE_DIR}/cmake/DalsegnoConfig.cmake.in ${PROJECT_BINARY_DIR}/DalsegnoConfig.cmake
  INSTALL_DESTINATION ${package_directory})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/DalsegnoConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES
  ${PROJECT_BINARY_DIR}/DalsegnoConfig.cmake
  ${PROJECT_BINARY_DIR}/DalsegnoConfigVersion.cmake
  ${PROJECT_SOURCE_DIR}/cmake/DalsegnoDependencies.cmake
  DESTINATION ${package_directory})
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
