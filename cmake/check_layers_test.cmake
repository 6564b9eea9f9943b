# Plants one file at a time and claims what cmake/check_layers.cmake says about it.
#
#   cmake -D SCRATCH=<folder> -P cmake/check_layers_test.cmake
cmake_minimum_required(VERSION 3.25)

# expect(<passes|fails> <file> <what the message must hold> <content>)
function(expect outcome file message content)
  file(REMOVE_RECURSE ${SCRATCH})
  file(WRITE ${SCRATCH}/${file} "${content}")
  execute_process(COMMAND ${CMAKE_COMMAND} -D ROOT=${SCRATCH} -P ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/check_layers.cmake
    RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  set(actual passes)
  if(NOT result EQUAL 0)
    set(actual fails)
  endif()
  string(FIND "${output}" "${message}" position)
  if(NOT actual STREQUAL outcome OR position LESS 0)
    message(SEND_ERROR "${file}: expected that it ${outcome} with '${message}', but it ${actual}:\n${output}")
  endif()
endfunction()

# Downwards is fine.
expect(passes include/dalsegno/a.h "1 files" "#include <vector>\n#include <boost/describe.hpp>\n#include <dalsegno/b.h>\n")
expect(passes storage/rocksdb/a.cc "1 files" "#include \"storage/log/b.h\"\n#include <rocksdb/db.h>\n#include <unistd.h>\n")
expect(passes engine/policy/a.cc "1 files" "#include <re2/re2.h>\n")
expect(passes engine/runtime/a.cc "1 files" "#include \"engine/replay/b.h\"\n#include <boost/asio/awaitable.hpp>\n")
expect(passes tools/dalsegno/a.cc "1 files" "#include \"activities/tool/b.h\"\n#include <CLI/CLI.hpp>\n")

# Upwards and sideways is not.
expect(fails include/dalsegno/a.h "include/dalsegno/a.h:2" "#pragma once\n#include \"storage/log/b.h\"\n")
expect(fails storage/log/a.h "storage/log/a.h:1" "#include \"engine/session/b.h\"\n")
expect(fails storage/event/a.h "storage/event/a.h:1" "#include \"storage/log/b.h\"\n")
expect(fails storage/memory/a.cc "may not include rocksdb/db.h" "#include <rocksdb/db.h>\n")
expect(fails engine/runtime/a.cc "may not include rocksdb/db.h" "#include <rocksdb/db.h>\n")
expect(fails engine/runtime/a.cc "may not include storage/rocksdb/b.h" "#include \"storage/rocksdb/b.h\"\n")
expect(fails engine/workflow/a.cc "may not include engine/session/b.h" "#include \"engine/session/b.h\"\n")
expect(fails engine/session/a.cc "may not include boost/asio/awaitable.hpp" "  #  include <boost/asio/awaitable.hpp>\n")
expect(fails engine/session/a.cc "may not include spdlog/spdlog.h" "#include <spdlog/spdlog.h>\n")
expect(fails engine/session/a.cc "may not include re2/re2.h" "#include <re2/re2.h>\n")
expect(fails activities/tool/a.cc "may not include tools/dalsegno/b.h" "#include \"tools/dalsegno/b.h\"\n")
expect(fails engine/elsewhere/a.cc "is not in the table" "")
expect(fails engine/session/a.cc "write the path from the project's root" "#include \"b.h\"\n")

# Clocks and dice.
expect(fails engine/session/a.cc "engine/session/a.cc:3" "int a();\n\nauto now = std::chrono::system_clock::now();\n")
expect(fails storage/log/a.cc "storage/log/a.cc:1" "auto now = time(nullptr);\n")
expect(fails storage/log/a.cc "storage/log/a.cc:1" "std::random_device device;\n")
expect(fails storage/log/a.cc "storage/log/a.cc:2" "[[nodiscard]] int a();\nint b[] = {rand()};\n")
expect(passes storage/log/a.cc "1 files" "int operand(int); // rand\n  // never std::chrono::steady_clock::now()\n")
expect(passes engine/runtime/system_clock.cc "1 files" "auto now = std::chrono::system_clock::now();\n")
expect(passes tools/dalsegno/a.cc "1 files" "auto now = std::chrono::system_clock::now();\n")

file(REMOVE_RECURSE ${SCRATCH})
