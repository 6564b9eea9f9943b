# Reads the #include lines of every folder and compares them with one table; then looks for clocks and randomness
# where there must be none. Run by ctest as `layers`, or by hand:
#
#   cmake -P cmake/check_layers.cmake
#
# The arrows point down only: tools -> activities -> engine -> storage -> include.
cmake_minimum_required(VERSION 3.25)

if(NOT DEFINED ROOT)
  cmake_path(GET CMAKE_CURRENT_LIST_DIR PARENT_PATH ROOT)
endif()

# The table: what each folder may include besides the standard library and itself. An entry is the beginning of an
# include's path; one that starts with `-` takes away again, and counts for more. The longest folder that contains a
# file decides. A folder that is not here may not exist.
set(posix
  sys/ linux/ net/ netinet/ arpa/ unistd.h fcntl.h malloc.h poll.h signal.h pthread.h sched.h errno.h dlfcn.h netdb.h spawn.h
  termios.h pwd.h elf.h link.h)
set(describe boost/describe boost/mp11)
set(pure boost/ -boost/asio -boost/beast)  # Boost, without what does I/O

set(folders "")
macro(may_include folder)
  list(APPEND folders ${folder})
  set(allowed_${folder} ${ARGN})
endmacro()

may_include(include             dalsegno/ ${describe})

set(event   dalsegno/ storage/event/)
set(formats flatbuffers/ rapidjson/ openssl/)
may_include(storage/event       ${event} ${formats} ${describe})
may_include(storage/log         ${event} ${formats})
set(log     ${event} storage/log/)
may_include(storage/memory      ${log})
may_include(storage/rocksdb     ${log} ${formats} rocksdb/ ${posix})
may_include(storage/store       ${log} storage/rocksdb/ storage/memory/)
may_include(storage/postgres    ${log} ${formats} libpq ${posix})
may_include(storage/access      ${log} openssl/ ${posix})
may_include(storage/vault       ${log} ${formats} re2/ ${posix})
may_include(storage/artifact    ${log} ${formats} ${posix})

may_include(engine/policy       ${log} ${pure} re2/)
may_include(engine/govern       ${log} storage/access/ engine/policy/)
may_include(engine/workflow     ${log} ${pure})
may_include(engine/agent        ${log} ${pure} engine/workflow/)
may_include(engine/keyed        ${log} ${pure} engine/workflow/)
may_include(engine/schedule     ${log} ${pure} date/ engine/workflow/)
may_include(engine/session      ${log} ${pure} storage/vault/ engine/workflow/ engine/policy/)
may_include(engine/replay       ${log} ${pure} engine/workflow/ engine/policy/ engine/session/)
may_include(engine/fork         ${log} ${pure} engine/policy/ engine/session/ engine/replay/)
may_include(engine/runtime      ${log} ${posix} storage/access/ storage/vault/ boost/ spdlog/ engine/)

may_include(engine/testing      ${log} storage/memory/ engine/)

set(below_activities ${log} storage/vault/ storage/artifact/ engine/ boost/ openssl/ ${posix})
may_include(activities/http     ${below_activities} idn2.h)
may_include(activities/model    ${below_activities} activities/http/)
may_include(activities/tool     ${below_activities} activities/http/ activities/model/sse.h re2/)

may_include(tools               dalsegno/ storage/ engine/ activities/ tools/
                                boost/ CLI/ toml++/ spdlog/ fmt/ rocksdb/ flatbuffers/ rapidjson/ openssl/ re2/ ${posix})

# Time and randomness come in through interfaces (Clock, Random), so that replay is exact. One file implements them.
set(impure_folders storage/ engine/)
set(impure_files engine/runtime/system_clock.cc)
set(impure "_clock::now|(^|[^A-Za-z0-9_])(time ?\\((nullptr|NULL|0)|gettimeofday|clock_gettime|random_device|s?rand ?\\()")

set(failures "")
# Notes `message` for the line of `file` that holds `text`.
function(note file text message)
  file(READ ${ROOT}/${file} content)
  string(FIND "${content}" "${text}" position)
  set(line "?")
  if(position GREATER_EQUAL 0)
    string(SUBSTRING "${content}" 0 ${position} before)
    string(REGEX REPLACE "[^\n]" "" newlines "${before}")
    string(LENGTH "${newlines}" line)
    math(EXPR line "${line} + 1")
  endif()
  set(failures "${failures}${file}:${line}: ${message}\n" PARENT_SCOPE)
endfunction()

function(folder_of file result)
  set(longest "")
  set(longest_length 0)
  foreach(folder IN LISTS folders)
    string(LENGTH ${folder} length)
    string(FIND ${file} "${folder}/" position)
    if(position EQUAL 0 AND length GREATER longest_length)
      set(longest ${folder})
      set(longest_length ${length})
    endif()
  endforeach()
  set(${result} "${longest}" PARENT_SCOPE)
endfunction()

function(starts_with_any text prefixes result)
  foreach(prefix IN LISTS prefixes)
    string(FIND "${text}" "${prefix}" position)
    if(position EQUAL 0)
      set(${result} TRUE PARENT_SCOPE)
      return()
    endif()
  endforeach()
  set(${result} FALSE PARENT_SCOPE)
endfunction()

set(files "")
foreach(top include storage engine activities tools)
  file(GLOB_RECURSE found RELATIVE ${ROOT} ${ROOT}/${top}/*.h ${ROOT}/${top}/*.cc)
  list(APPEND files ${found})
endforeach()

foreach(file IN LISTS files)
  folder_of(${file} folder)
  if(folder STREQUAL "")
    string(APPEND failures "${file}:1: this folder is not in the table of cmake/check_layers.cmake\n")
    continue()
  endif()
  set(allowed ${allowed_${folder}})
  set(refused ${allowed})
  list(FILTER allowed EXCLUDE REGEX "^-")
  list(FILTER refused INCLUDE REGEX "^-")
  list(TRANSFORM refused REPLACE "^-" "")

  file(STRINGS ${ROOT}/${file} lines REGEX "^[ \t]*#[ \t]*include")
  foreach(line IN LISTS lines)
    if(NOT line MATCHES "([<\"])([^>\"]+)[>\"]")
      continue()  # a macro that names the header
    endif()
    set(bracket "${CMAKE_MATCH_1}")
    set(header "${CMAKE_MATCH_2}")
    if(bracket STREQUAL "<" AND header MATCHES "^[a-z0-9_]+$")
      continue()  # the standard library
    endif()
    if(NOT header MATCHES "/" AND bracket STREQUAL "\"")
      note(${file} "${line}" "\"${header}\": write the path from the project's root")
      continue()
    endif()
    starts_with_any("${header}" "${refused}" is_refused)
    starts_with_any("${header}" "${allowed};${folder}/" is_allowed)
    if(is_refused OR NOT is_allowed)
      note(${file} "${line}" "${folder}/ may not include ${header}")
    endif()
  endforeach()

  starts_with_any(${file} "${impure_folders}" is_pure)
  if(is_pure AND NOT file IN_LIST impure_files)
    file(STRINGS ${ROOT}/${file} lines REGEX "${impure}")
    foreach(line IN LISTS lines)
      if(line MATCHES "^[ \t]*//")
        continue()
      endif()
      note(${file} "${line}" "reads a clock or rolls dice: ${line}")
    endforeach()
  endif()
endforeach()

list(LENGTH files count)
if(NOT failures STREQUAL "")
  message("${failures}")  # apart, as FATAL_ERROR would break the lines
  message(FATAL_ERROR "layers: arrows point up")
endif()
message("layers: ${count} files, all arrows point down")
