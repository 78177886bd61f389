#include "thalamus/net/http1_parser.h"

#include <algorithm>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>
#include <cstring>

#include "thalamus/base/assert.h"
#include "thalamus/net/body_reader.h"

namespace thalamus::net {

namespace beast = boost::beast;
namespace http = boost::beast::http;
using boost::system::error_code;

namespace {

// Empty lines before a request line are skipped (RFC 9112 section 2.2), these many at most.
constexpr std::size_t kEmptyLinesMax = 4;

std::string_view to_view(beast::string_view text) noexcept { return {text.data(), text.size()}; }

bool is_number(std::string_view text) noexcept {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// What both directions record of the framing fields.
struct Framing {
  std::size_t fields = 0;
  std::size_t content_lengths = 0;
  std::size_t transfer_encodings = 0;
  bool length_is_number = true;
  bool only_chunked = true;

  void see(http::field field, std::string_view value) noexcept {
    ++fields;
    if (field == http::field::content_length) {
      ++content_lengths;
      length_is_number = length_is_number && is_number(value);
    } else if (field == http::field::transfer_encoding) {
      ++transfer_encodings;
      only_chunked = only_chunked && equal_ignoring_case(value, "chunked");
    }
  }
};

/// Beast's parser with a flat store of ours. It is given one whole head and nothing else; bodies are BodyReader's.
template <bool IsRequest>
class FlatParser final : public http::basic_parser<IsRequest> {
  using Base = http::basic_parser<IsRequest>;

 public:
  FlatParser(Headers& headers, std::size_t headers_max) : headers_(headers), headers_max_(headers_max) {}

  HttpRequest* request = nullptr;
  std::string_view target;  ///< valid while the head is parsed
  Framing framing;
  int version = 11;
  int status = 0;
  bool head_seen = false;
  bool has_host = false;
  bool two_hosts = false;
  bool too_many = false;

 private:
  void on_request_impl(http::verb, beast::string_view method, beast::string_view target_text, int version_number,
                       error_code&) override {
    request->method.assign(method.data(), method.size());
    target = to_view(target_text);
    version = version_number;
  }
  void on_response_impl(int code, beast::string_view, int version_number, error_code&) override {
    status = code;
    version = version_number;
  }
  void on_field_impl(http::field field, beast::string_view name, beast::string_view value, error_code& error) override {
    framing.see(field, to_view(value));
    if (framing.fields > headers_max_) {
      too_many = true;
      error = http::error::header_limit;
      return;
    }
    if (field == http::field::host) {
      two_hosts = has_host;
      has_host = true;
    }
    headers_.add(to_view(name), to_view(value));
  }
  void on_header_impl(error_code&) override { head_seen = true; }
  void on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) override {}
  std::size_t on_body_impl(beast::string_view bytes, error_code&) override { return bytes.size(); }
  void on_chunk_header_impl(std::uint64_t, beast::string_view, error_code&) override {}
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view bytes, error_code&) override { return bytes.size(); }
  void on_finish_impl(error_code&) override {}

  Headers& headers_;
  std::size_t headers_max_;
};

boost::asio::const_buffer to_buffer(std::string_view bytes) noexcept { return {bytes.data(), bytes.size()}; }

std::unexpected<Refusal> refuse(int status, std::string message) {
  return std::unexpected(Refusal{status, std::move(message)});
}

}  // namespace

HeadScanner::Found HeadScanner::scan(std::string_view bytes, std::size_t head_bytes_max) noexcept {
  for (;;) {
    // The first byte of a line tells a folded field.
    if (line_start_ > 0 && line_start_ < bytes.size() && (bytes[line_start_] == ' ' || bytes[line_start_] == '\t'))
      return Found::kFolded;
    const auto window = std::min(bytes.size(), head_bytes_max);
    if (at_ >= window) return bytes.size() >= head_bytes_max ? Found::kTooLong : Found::kMore;
    const void* found = std::memchr(bytes.data() + at_, '\n', window - at_);
    if (found == nullptr) {
      at_ = window;
      continue;
    }
    const auto line_feed = static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data());
    if (line_feed == 0 || bytes[line_feed - 1] != '\r') return Found::kBareLineFeed;
    at_ = line_feed + 1;
    const bool empty = line_feed - line_start_ == 1;
    line_start_ = at_;
    if (first_line_size_ == 0) first_line_size_ = line_feed - 1;
    if (empty) return Found::kEnd;
  }
}

// ---- requests
// --------------------------------------------------------------------------------------------------------

struct RequestParser::Impl {
  explicit Impl(const ParseLimits& given) : limits(given) {}

  std::expected<ParseProgress, Refusal> parse_head(std::string_view bytes);
  std::expected<ParseProgress, Refusal> parse_body(std::string_view bytes);
  [[nodiscard]] Refusal explain(const error_code& error, std::string_view head) const;
  std::expected<void, Refusal> check_head();
  [[nodiscard]] std::string too_long() const {
    return fmt::format("the body is longer than {} bytes; shorten the request", limits.body_bytes_max);
  }
  std::expected<void, Refusal> split_target();

  ParseLimits limits;
  HeadScanner scanner;
  std::optional<FlatParser<true>> parser;
  BodyReader body;
  HttpRequest* request = nullptr;
  std::size_t empty_lines = 0;
  bool began = false;
  bool expects_continue = false;
};

RequestParser::RequestParser(const ParseLimits& limits) : impl_(std::make_unique<Impl>(limits)) {}
RequestParser::~RequestParser() = default;

void RequestParser::begin(HttpRequest& request) {
  request.method.clear();
  request.path.clear();
  request.query.clear();
  request.headers.clear();
  request.body.clear();
  impl_->request = &request;
  impl_->scanner.reset();
  impl_->parser.emplace(request.headers, impl_->limits.headers_max);
  impl_->parser->request = &request;
  impl_->parser->skip(true);
  impl_->body.begin(BodyReader::Framing::kNone, 0, 0);
  impl_->parser->header_limit(UINT32_MAX);  // the scanner has checked it
  impl_->empty_lines = 0;
  impl_->began = false;
  impl_->expects_continue = false;
}

std::expected<ParseProgress, Refusal> RequestParser::parse(std::string_view bytes) {
  THALAMUS_ASSERT(impl_->parser.has_value());
  return impl_->parser->head_seen ? impl_->parse_body(bytes) : impl_->parse_head(bytes);
}

std::expected<ParseProgress, Refusal> RequestParser::Impl::parse_head(std::string_view bytes) {
  std::size_t skipped = 0;
  while (!began && bytes.size() >= 2 && bytes[0] == '\r' && bytes[1] == '\n') {
    if (++empty_lines > kEmptyLinesMax) return refuse(400, "too many empty lines before the request line");
    bytes.remove_prefix(2);
    skipped += 2;
  }
  if (bytes.empty() || (!began && bytes == "\r")) return ParseProgress{skipped, ParseEvent::kNeedMore};
  if (!began && !is_token(bytes.substr(0, 1))) return refuse(400, "this is not an HTTP request");
  began = true;
  const auto found = scanner.scan(bytes, limits.head_bytes_max);
  const auto line_so_far = scanner.first_line_size() > 0 ? scanner.first_line_size() : bytes.size();
  if (line_so_far > kTargetBytesMax + 64) return refuse(414, "the request line is too long");
  switch (found) {
    case HeadScanner::Found::kMore: return ParseProgress{skipped, ParseEvent::kNeedMore};
    case HeadScanner::Found::kBareLineFeed: return refuse(400, "a line of the head ends without a carriage return");
    case HeadScanner::Found::kFolded: return refuse(400, "a header field is folded over two lines");
    case HeadScanner::Found::kTooLong:
      if (scanner.first_line_size() == 0) return refuse(414, "the request line is too long");
      return refuse(431, fmt::format("the head is longer than {} bytes", limits.head_bytes_max));
    case HeadScanner::Found::kEnd: break;
  }
  const auto head = bytes.substr(0, scanner.size());
  error_code error;
  std::size_t used = parser->put(to_buffer(head), error);
  if (!error && !parser->head_seen) error = http::error::bad_line_ending;
  if (error) return std::unexpected(explain(error, head));
  if (used != head.size()) return refuse(400, "the head is malformed");
  if (auto checked = check_head(); !checked) return std::unexpected(std::move(checked).error());
  return ParseProgress{skipped + used, ParseEvent::kHead};
}

Refusal RequestParser::Impl::explain(const error_code& error, std::string_view head) const {
  if (parser->too_many) return {431, fmt::format("more than {} header fields", limits.headers_max)};
  if (parser->framing.content_lengths > 0 && parser->framing.transfer_encodings > 0)
    return {400, "both Content-Length and Transfer-Encoding"};
  if (error == http::error::multiple_content_length || parser->framing.content_lengths > 1)
    return {400, "two Content-Length fields"};
  if (error == http::error::bad_version) {
    // "HTTP/2.0" is a version we lack, "HTTX/1" is nothing.
    const auto line = head.substr(0, scanner.first_line_size());
    const auto version = line.substr(std::min(line.size(), line.rfind(' ') + 1));
    const bool shaped = version.size() == 8 && version.starts_with("HTTP/") && is_number(version.substr(5, 1)) &&
                        version[6] == '.' && is_number(version.substr(7));
    // A blank in the target puts the version where none is looked for.
    const bool known = version == "HTTP/1.0" || version == "HTTP/1.1";
    if (shaped && !known) return {505, "only HTTP/1.0 and HTTP/1.1 are spoken here"};
  }
  return {400, fmt::format("malformed HTTP request: {}", error.message())};
}

std::expected<void, Refusal> RequestParser::Impl::check_head() {
  const Framing& framing = parser->framing;
  if (framing.content_lengths > 0 && framing.transfer_encodings > 0)
    return refuse(400, "both Content-Length and Transfer-Encoding");
  if (framing.content_lengths > 1) return refuse(400, "two Content-Length fields");
  if (!framing.length_is_number) return refuse(400, "Content-Length is not a number");
  if (framing.transfer_encodings > 1) return refuse(400, "two Transfer-Encoding fields");
  if (framing.transfer_encodings == 1) {
    if (parser->version < 11) return refuse(400, "Transfer-Encoding in HTTP/1.0");
    if (!framing.only_chunked) return refuse(501, "the only transfer coding known here is chunked");
  }
  if (parser->two_hosts) return refuse(400, "two Host fields");
  if (!parser->has_host && parser->version >= 11) return refuse(400, "the Host field is missing");
  if (const auto expect = request->headers.get("Expect"); expect && parser->version >= 11) {
    if (!equal_ignoring_case(*expect, "100-continue"))
      return refuse(417, "the only expectation known here is 100-continue");
    expects_continue = true;
  }
  const std::uint64_t length = parser->content_length().value_or(0);
  // The path first: it says in which shape the client reads its errors.
  if (auto split = split_target(); !split) return split;
  if (length > limits.body_bytes_max) return refuse(413, too_long());
  BodyReader::Framing how = BodyReader::Framing::kNone;
  if (framing.content_lengths == 1) how = BodyReader::Framing::kLength;
  if (framing.transfer_encodings == 1) how = BodyReader::Framing::kChunked;
  body.begin(how, length, limits.body_bytes_max);
  return {};
}

std::expected<void, Refusal> RequestParser::Impl::split_target() {
  std::string_view target = parser->target;
  if (target.size() > kTargetBytesMax) return refuse(414, "the request target is too long");
  if (request->method == "CONNECT") return refuse(501, "CONNECT is not supported");
  for (const std::string_view scheme : {std::string_view("http://"), std::string_view("https://")}) {
    if (!equal_ignoring_case(target.substr(0, scheme.size()), scheme)) continue;
    const auto slash = target.find_first_of("/?", scheme.size());
    target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
    break;
  }
  const auto question = target.find('?');
  request->path.assign(target.substr(0, question));
  if (question != std::string_view::npos) request->query.assign(target.substr(question + 1));
  if (request->path.empty()) request->path = "/";
  if (request->path.front() != '/' && request->path != "*")
    return refuse(400, "the request target must begin with '/'");
  return {};
}

std::expected<ParseProgress, Refusal> RequestParser::Impl::parse_body(std::string_view bytes) {
  std::size_t consumed = 0;
  for (;;) {
    const auto progress = body.next(bytes.substr(consumed));
    consumed += progress.consumed;
    switch (progress.event) {
      case BodyReader::Event::kPiece: request->body.append(progress.piece); break;
      case BodyReader::Event::kDone: return ParseProgress{consumed, ParseEvent::kDone};
      case BodyReader::Event::kNeedMore: return ParseProgress{consumed, ParseEvent::kNeedMore};
      case BodyReader::Event::kTooLarge: return refuse(413, too_long());
      case BodyReader::Event::kMalformed: return refuse(400, "the chunked body is malformed");
    }
  }
}

bool RequestParser::began() const noexcept { return impl_->began; }
bool RequestParser::head_done() const noexcept { return impl_->parser && impl_->parser->head_seen; }
bool RequestParser::keep_alive() const noexcept { return !is_http_1_0() && impl_->parser->keep_alive(); }
bool RequestParser::is_http_1_0() const noexcept { return impl_->parser->version < 11; }
bool RequestParser::expects_continue() const noexcept { return impl_->expects_continue; }
bool RequestParser::has_body() const noexcept { return !impl_->body.done(); }
std::size_t RequestParser::body_bytes_left() const noexcept {
  return impl_->body.framing() == BodyReader::Framing::kLength ? static_cast<std::size_t>(impl_->body.bytes_left()) : 0;
}

// ---- responses
// -------------------------------------------------------------------------------------------------------

struct ResponseParser::Impl {
  Result<ParseProgress> parse_head(std::string_view bytes);
  Result<ParseProgress> parse_body(std::string_view bytes);
  Status begin_body();
  [[nodiscard]] std::unexpected<Error> too_long() const {
    return fail(ErrorKind::kTooLarge, "the answer's body is longer than {} bytes", limits.body_bytes_max);
  }

  ParseLimits limits;
  HeadScanner scanner;
  std::optional<FlatParser<false>> parser;
  BodyReader body;
  Headers headers;
  std::string_view piece;
  bool without_body = false;
  bool broken = false;
};

ResponseParser::ResponseParser() : impl_(std::make_unique<Impl>()) {}
ResponseParser::~ResponseParser() = default;

void ResponseParser::begin(const ParseLimits& limits, Body body) {
  impl_->limits = limits;
  impl_->headers.clear();
  impl_->scanner.reset();
  impl_->broken = false;
  impl_->parser.emplace(impl_->headers, limits.headers_max);
  impl_->parser->skip(true);
  impl_->without_body = body == Body::kNone;
  impl_->piece = {};
  impl_->body.begin(BodyReader::Framing::kNone, 0, 0);
  impl_->parser->header_limit(UINT32_MAX);
}

Result<ParseProgress> ResponseParser::parse(std::string_view bytes) {
  THALAMUS_ASSERT(impl_->parser.has_value());
  auto progress = impl_->parser->head_seen ? impl_->parse_body(bytes) : impl_->parse_head(bytes);
  if (!progress) impl_->broken = true;
  return progress;
}

Result<ParseProgress> ResponseParser::Impl::parse_head(std::string_view bytes) {
  switch (scanner.scan(bytes, limits.head_bytes_max)) {
    case HeadScanner::Found::kMore: return ParseProgress{0, ParseEvent::kNeedMore};
    case HeadScanner::Found::kBareLineFeed:
      return fail(ErrorKind::kUpstream, "malformed answer: a line of the head ends without a carriage return");
    case HeadScanner::Found::kFolded:
      return fail(ErrorKind::kUpstream, "malformed answer: a header field is folded over two lines");
    case HeadScanner::Found::kTooLong:
      return fail(ErrorKind::kTooLarge, "the answer's head is longer than {} bytes", limits.head_bytes_max);
    case HeadScanner::Found::kEnd: break;
  }
  const auto head = bytes.substr(0, scanner.size());
  error_code error;
  const std::size_t used = parser->put(to_buffer(head), error);
  if (parser->too_many)
    return fail(ErrorKind::kTooLarge, "the answer has more than {} header fields", limits.headers_max);
  if (error) return fail(ErrorKind::kUpstream, "malformed answer: {}", error.message());
  if (!parser->head_seen || used != head.size()) return fail(ErrorKind::kUpstream, "malformed answer: bad head");
  const Framing& framing = parser->framing;
  if (framing.transfer_encodings > 0 && framing.content_lengths > 0)
    return fail(ErrorKind::kUpstream, "malformed answer: both Content-Length and Transfer-Encoding");
  if (framing.transfer_encodings > 1 || !framing.only_chunked)
    return fail(ErrorKind::kUpstream, "the answer has a transfer coding other than chunked");
  CHECK_OK(begin_body());
  return ParseProgress{used, ParseEvent::kHead};
}

/// RFC 9112 section 6.3.
Status ResponseParser::Impl::begin_body() {
  const int status = parser->status;
  const auto length = parser->content_length();
  BodyReader::Framing how = BodyReader::Framing::kToEnd;
  if (without_body || status < 200 || status == 204 || status == 304) {
    how = BodyReader::Framing::kNone;
  } else if (parser->framing.transfer_encodings == 1) {
    how = BodyReader::Framing::kChunked;
  } else if (length) {
    how = BodyReader::Framing::kLength;
    if (*length > limits.body_bytes_max) return too_long();
  }
  body.begin(how, length.value_or(0), limits.body_bytes_max);
  return {};
}

Result<ParseProgress> ResponseParser::Impl::parse_body(std::string_view bytes) {
  const auto progress = body.next(bytes);
  piece = progress.piece;
  switch (progress.event) {
    case BodyReader::Event::kPiece: return ParseProgress{progress.consumed, ParseEvent::kBody};
    case BodyReader::Event::kDone: return ParseProgress{progress.consumed, ParseEvent::kDone};
    case BodyReader::Event::kNeedMore: return ParseProgress{progress.consumed, ParseEvent::kNeedMore};
    case BodyReader::Event::kTooLarge: return too_long();
    case BodyReader::Event::kMalformed: break;
  }
  return fail(ErrorKind::kUpstream, "malformed answer: the chunked body");
}

bool ResponseParser::finish_at_end() noexcept {
  return !impl_->broken && impl_->parser->head_seen && impl_->body.finish_at_end();
}

int ResponseParser::status() const noexcept { return impl_->parser->status; }
const Headers& ResponseParser::headers() const noexcept { return impl_->headers; }
bool ResponseParser::done() const noexcept { return impl_->parser->head_seen && impl_->body.done(); }
bool ResponseParser::keep_alive() const noexcept {
  return !impl_->broken && impl_->parser->head_seen && impl_->body.framing() != BodyReader::Framing::kToEnd &&
         impl_->parser->keep_alive();
}
std::optional<std::uint64_t> ResponseParser::content_length() const noexcept {
  if (!impl_->parser->head_seen) return std::nullopt;
  const auto length = impl_->parser->content_length();
  if (!length) return std::nullopt;
  return *length;
}
std::string_view ResponseParser::piece() const noexcept { return impl_->piece; }

}  // namespace thalamus::net
