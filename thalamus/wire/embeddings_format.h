/// Embeddings as a Format, so that a turn carries them like a chat request: same keys, plan, retries, records. Bytes
/// are forwarded; there is one protocol for them, so that nothing is translated.
#pragma once

#include "thalamus/wire/format.h"

namespace thalamus::wire {

[[nodiscard]] const Format& embeddings_format() noexcept;

}  // namespace thalamus::wire
