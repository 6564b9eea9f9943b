#pragma once

/// Refuses compilers that would translate workflow code wrongly.
///
/// Workflows are coroutines. GCC before 14 miscompiles them: it destroys temporaries of a `co_await` twice or not at
/// all, and copies what has to stay where it is. Such a program compiles without a word and fails at run time, so every
/// public header includes this one and stops the build instead.
#if defined(__GNUC__) && !defined(__clang__)
#if __GNUC__ < 14
#error "Dalsegno needs Clang 19 or GCC 14: older GCC (such as Debian 12's g++ 12) miscompiles coroutines. Use -DCMAKE_CXX_COMPILER=clang++-19."
#endif
#elif defined(__clang__)
#if __clang_major__ < 17 && !defined(__apple_build_version__)
#error "Dalsegno needs Clang 17 or newer. Use -DCMAKE_CXX_COMPILER=clang++-19."
#endif
#endif
