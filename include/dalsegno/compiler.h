#pragma once

/// Refuses compilers that would translate workflow code wrongly.
///
/// Workflows are coroutines. GCC before 14 miscompiles them: temporaries of a `co_await` may be
/// destroyed twice or not at all. Such a program compiles without a word and fails at run time, so
/// every public header includes this one and stops the build instead.
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ < 14
#error "Dalsegno: GCC before 14 miscompiles coroutines; use Clang 19, e.g. CXX=clang++-19"
#endif
