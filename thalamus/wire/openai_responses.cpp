// The registered instance of OpenAI's responses, and what it shares with the other formats.
#include "thalamus/wire/body_edits.h"
#include "thalamus/wire/openai_responses_format.h"

namespace thalamus::wire {

const Format& openai_responses_format() noexcept;

const Format& openai_responses_format() noexcept {
  static const OpenAiResponses format;
  return format;
}

// A stream of this protocol always ends with its usage: there is nothing to ask for.
Result<std::string> OpenAiResponses::forward(std::string_view body, const ForwardEdits& edits) const {
  return forward_body(body, edits.model);
}

}  // namespace thalamus::wire
