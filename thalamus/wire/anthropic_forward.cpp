// The client's bytes as they go to an upstream. The usage of a stream always comes, so nothing is asked for.
#include "thalamus/wire/anthropic_format.h"
#include "thalamus/wire/body_edits.h"

namespace thalamus::wire {

Result<std::string> Anthropic::forward(std::string_view body, const ForwardEdits& edits) const {
  return forward_body(body, edits.model);
}

}  // namespace thalamus::wire
