#include "thalamus/net/http2_transport.h"

#include <array>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "thalamus/net/deadline.h"

namespace thalamus::net {

Http2Transport::Http2Transport(asio::any_io_executor executor, std::unique_ptr<Stream> stream, const base::Clock& clock,
                               Nanoseconds write_timeout)
    : executor_(std::move(executor)), stream_(std::move(stream)), clock_(clock), write_timeout_(write_timeout) {}

void Http2Transport::kick() {
  if (writing_ || write_failed_) return;
  writing_ = true;
  asio::co_spawn(executor_, write_out(shared_from_this()), asio::detached);
}

Awaitable<void> Http2Transport::write_out(std::shared_ptr<Http2Transport> self) {
  // Whoever is ready in this turn of the loop adds to the same write.
  co_await asio::post(self->executor_, asio::use_awaitable);
  for (;;) {
    self->output_.clear();
    self->produce(self->output_);
    if (self->output_.empty()) break;
    const std::array<asio::const_buffer, 1> buffers{asio::buffer(self->output_)};
    const Nanoseconds deadline = later(self->clock_.now(), self->write_timeout_);
    const Status status = co_await self->stream_->write(buffers, deadline);
    if (status) continue;
    self->write_failed_ = true;
    self->write_timed_out_ = status.error().kind == ErrorKind::kTimeout;
    break;
  }
  self->writing_ = false;
  if (self->output_.capacity() > 2 * kBatchBytes) self->output_ = {};
  self->written();
}

}  // namespace thalamus::net
