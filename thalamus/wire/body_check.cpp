#include "thalamus/wire/body_check.h"

#include "thalamus/base/text.h"

namespace thalamus::wire {

Status check_body(std::string_view body, const DecodeLimits& limits) {
  if (body.size() > limits.body_bytes_max)
    return fail_at("body", ErrorKind::kTooLarge, "{} bytes, the limit is {}; shorten the request", body.size(),
                   limits.body_bytes_max);
  if (body.starts_with("\xef\xbb\xbf"))
    return fail_at("body", ErrorKind::kInvalidInput,
                   "begins with a byte order mark, expected a JSON object; send UTF-8 without the mark");
  if (base::trim(body).empty())
    return fail_at("body", ErrorKind::kInvalidInput, "expected a JSON object, got an empty body");
  return {};
}

}  // namespace thalamus::wire
