#pragma once

// For sources only: `TRY(auto value, expression);` returns the error of `expression`, or declares
// `value`. It expands to plain statements, so it stands on a line of its own inside braces.

#include "dalsegno/result.h"

#define DALSEGNO_JOIN_TOKENS(a, b) a##b
#define DALSEGNO_JOIN(a, b) DALSEGNO_JOIN_TOKENS(a, b)

#define DALSEGNO_TRY_IMPL(temporary, declaration, expression)             \
  auto temporary = (expression);                                          \
  if (!temporary) return ::dalsegno::Error(std::move(temporary).error()); \
  declaration = std::move(*temporary)

#define TRY(declaration, expression) \
  DALSEGNO_TRY_IMPL(DALSEGNO_JOIN(try_, __LINE__), declaration, expression)

#define TRY_VOID(expression)                                   \
  do {                                                         \
    if (auto try_result = (expression); !try_result)           \
      return ::dalsegno::Error(std::move(try_result).error()); \
  } while (false)
