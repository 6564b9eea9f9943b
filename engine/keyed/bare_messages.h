#pragma once

#include "dalsegno/workflow.h"

#include <utility>

namespace dalsegno::detail {

/// Messages that hand on nothing of what a session knows but who it is: what taints it stays.
class BareMessages {
 public:
  [[nodiscard]] static Operation<void> send(Context& ctx, MessageRequest message) {
    message.bare = true;
    return ctx.message(std::move(message));
  }
};

}  // namespace dalsegno::detail
