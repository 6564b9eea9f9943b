// Compiled twice by ctest: as it is it must not compile, with DALSEGNO_WITH_PERMIT it must. So what
// fails is the missing permit and nothing else.

#include "engine/session/step_result.h"

namespace dalsegno::engine {

Effect release([[maybe_unused]] Permit const& permit) {
#ifdef DALSEGNO_WITH_PERMIT
  return StartAttempt{.permit = permit, .operation = OperationId{1}, .attempt = 1};
#else
  return StartAttempt{.operation = OperationId{1}, .attempt = 1};
#endif
}

}  // namespace dalsegno::engine
