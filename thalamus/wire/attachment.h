/// Images, recordings and files in a client's body, however its protocol names their members. Internal to this folder.
#pragma once

#include "thalamus/core/request.h"
#include "thalamus/wire/json_value.h"

namespace thalamus::wire {

/// The string at the cursor: a data URL gives `media_type` and `data`, which never leaves the body; anything else is
/// the `url`.
[[nodiscard]] Status read_url_or_data(JsonCursor& cursor, const Place& place, core::PartDetail& detail);
/// The same for a string that is data: a data URL, or base64 without a media type.
[[nodiscard]] Status read_data(JsonCursor& cursor, const Place& place, core::PartDetail& detail);

/// Whether there is an image at all: data, an identifier, or an address that has a scheme. `at` is the address's place.
[[nodiscard]] Status check_image(const Place& at, const core::PartDetail& detail);

/// Gives the part its detail, with `place` below the body. Its text becomes the URL, identifier, name or media type,
/// the first that is there, unless it has a text already.
void add_detail(const Place& place, core::PartDetail detail, core::Part& part);

}  // namespace thalamus::wire
