#pragma once

namespace dalsegno::engine {

/// Makes one visitor for std::visit out of several lambdas.
template <class... Functions>
struct overloaded : Functions... {
  using Functions::operator()...;
};

}  // namespace dalsegno::engine
