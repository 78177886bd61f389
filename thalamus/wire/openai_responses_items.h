/// The items that a responses request brings as its input, and the proofs of thoughts that travel in them. Internal to
/// this folder.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "thalamus/core/request.h"
#include "thalamus/wire/body_notes.h"
#include "thalamus/wire/format.h"
#include "thalamus/wire/json_value.h"

namespace thalamus::wire {

/// `input`: a string or an array of items. What an assistant gave in one turn (a thought, a message, calls) becomes one
/// message.
[[nodiscard]] Status read_input(JsonCursor& cursor, const Place& place, const DecodeLimits& limits, BodyNotes& notes,
                                std::vector<core::Message>& out);

/// The identifier of an encrypted thought that came without one, since one without is another protocol's.
inline constexpr std::string_view kNamelessThought = "rs_";

/// What a thought has to prove or to hide, as the one string that a reasoning item has room for. What another
/// protocol's provider gave is marked, so that it comes back as what it was.
[[nodiscard]] std::string sealed(const core::PartDetail& detail);
/// The same of a signature, and of a thought that only another protocol's provider can read.
[[nodiscard]] std::string sealed_signature(std::string_view signature);
[[nodiscard]] std::string sealed_foreign(std::string_view encrypted);
/// The other way: sets `signature` or `encrypted` and, where that is another protocol's, takes away `id`.
void unseal(std::string_view text, core::PartDetail& detail);

}  // namespace thalamus::wire
