#pragma once

#include "dalsegno/json.h"
#include "storage/event/event.h"

namespace dalsegno::storage {

/// An event as JSON for people and tools: {"sequence", "type", "operation"?, …the body's fields}.
/// Payloads that are JSON stand as JSON, others as {"content_type", "size_bytes"} and, when they
/// are text, "text"; digests in hexadecimal.
[[nodiscard]] Json to_json_value(Event const& event);
[[nodiscard]] Json to_json_value(Payload const& payload);
/// All fields, empty ones too.
[[nodiscard]] Json to_json_value(Contact const& contact);
[[nodiscard]] Json to_json_value(StepHeader const& header);

}  // namespace dalsegno::storage
