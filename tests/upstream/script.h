/// What a scripted upstream does, by the model's name. Free of sockets: `main.cpp` serves it.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "thalamus/core/answer.h"
#include "thalamus/core/request.h"

namespace thalamus::upstream {

enum class Break {
  kNone,
  kEmpty,       ///< no content
  kErrorFirst,  ///< 200, and an error before any content
  kGarbage,     ///< 200 and nothing of the protocol
  kCutBefore,   ///< closes before the first content
  kCutAfter,    ///< closes after some content
  kLateError,   ///< an error frame after some content
  kStall,       ///< never answers
  kSilent,      ///< a stream begins, then silence
  kStallAfter,  ///< some content, then silence
  kNullUsage,   ///< "usage":null on each frame
};

/// One answer: what is said, how it streams, and what goes wrong.
struct Script {
  int status = 200;        ///< of another than 200 the body is an error
  std::string message;     ///< of an error; empty: "scripted status 503"
  std::string code;        ///< of an error, where the protocol has codes
  int retry_after_s = -1;  ///< sent as a header; below 0: not
  std::chrono::milliseconds wait{0};
  std::chrono::milliseconds between{0};  ///< pieces of a stream
  Break fault = Break::kNone;
  core::Answer answer;
  std::vector<core::Delta> deltas;  ///< the answer in pieces
};

/// Its thoughts as a provider of responses proves them: encrypted, and with a name.
void prove_as_responses(Script& script);

/// The script that the model's name commands; the head of main.cpp lists the commands. `credential` is what the client
/// sent as its key, in whichever header.
[[nodiscard]] Script script_of(const core::Request& request, std::string_view body, std::string_view credential);

}  // namespace thalamus::upstream
