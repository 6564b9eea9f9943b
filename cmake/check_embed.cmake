# Installs a build to a prefix of its own, then configures, builds and runs examples/embed against it.
#
#   cmake -D SOURCE=examples/embed -D BUILD=build/release -D SCRATCH=<folder> -D COMPILER=clang++-19 -D FLAGS= \
#         -P cmake/check_embed.cmake

if(NOT EXISTS ${SOURCE}/main.cc)
  message("embed: skipped, there is no ${SOURCE}/main.cc")
  return()
endif()

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    string(JOIN " " command ${ARGN})
    message(FATAL_ERROR "${command}\n${output}\nembed: failed (${result})")
  endif()
endfunction()

file(REMOVE_RECURSE ${SCRATCH})
file(MAKE_DIRECTORY ${SCRATCH}/run)
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${SCRATCH}/prefix)
run(${CMAKE_COMMAND} -S ${SOURCE} -B ${SCRATCH}/build -G Ninja
  -DCMAKE_CXX_COMPILER=${COMPILER} -DCMAKE_BUILD_TYPE=Debug "-DCMAKE_CXX_FLAGS=${FLAGS}"
  -DCMAKE_PREFIX_PATH=${SCRATCH}/prefix)
run(${CMAKE_COMMAND} --build ${SCRATCH}/build)
execute_process(COMMAND ${SCRATCH}/build/embed WORKING_DIRECTORY ${SCRATCH}/run RESULT_VARIABLE result)
if(NOT result EQUAL 0)
  message(FATAL_ERROR "embed: the example ended with ${result}")
endif()
