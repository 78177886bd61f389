/// Heads of HTTP/1.1 messages as bytes. Nothing that could begin another field or message gets through.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "thalamus/base/result.h"
#include "thalamus/net/http.h"
#include "thalamus/net/stream.h"

namespace thalamus::net {

/// Appends "Name: value\r\n" lines but those that frame the message (Content-Length, Transfer-Encoding, Connection,
/// Keep-Alive, and `also_skipped`), which belong to the writer. kInvalidInput names a malformed field, never its value.
[[nodiscard]] Status append_fields(std::string& out, const Headers& headers, std::string_view also_skipped = {});

void append_status_line(std::string& out, int status);
/// "Host: ..." value of an endpoint.
[[nodiscard]] std::string host_field(const Endpoint& endpoint);
[[nodiscard]] Status append_request_line(std::string& out, std::string_view method, std::string_view base_path,
                                         std::string_view path);
void append_number(std::string& out, std::uint64_t number);
/// "1a\r\n": the head of a chunk.
void append_chunk_head(std::string& out, std::size_t size);
/// IMF-fixdate of RFC 9110 section 5.6.7.
[[nodiscard]] std::string http_date(std::int64_t unix_seconds);

}  // namespace thalamus::net
