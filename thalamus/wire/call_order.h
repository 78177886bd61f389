/// Calls one after the other, for clients that know one open call only. Internal to this folder.
#pragma once

#include <memory>

#include "thalamus/wire/format.h"

namespace thalamus::wire {

/// A writer that gives `inner` the pieces of one tool call at a time. The official clients' stream helpers take a call
/// for done when another begins, so what comes for a later call waits until the arguments of the open one are a whole
/// object, or the stream ends. Pieces that come before their call begins wait for it; text and thoughts pass.
[[nodiscard]] std::unique_ptr<StreamWriter> in_call_order(std::unique_ptr<StreamWriter> inner);

}  // namespace thalamus::wire
