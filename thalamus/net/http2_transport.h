/// What both ends of an HTTP/2 connection share: one coroutine at a time that writes what the session has to say.
/// Private to the sources of `net`.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>
#include <string>

#include "thalamus/base/clock.h"
#include "thalamus/net/stream.h"

namespace thalamus::net {

class Http2Transport : public std::enable_shared_from_this<Http2Transport> {
 public:
  Http2Transport(const Http2Transport&) = delete;
  Http2Transport& operator=(const Http2Transport&) = delete;

 protected:
  /// Frames gathered into one write.
  static constexpr std::size_t kBatchBytes = 64U << 10;

  Http2Transport(asio::any_io_executor executor, std::unique_ptr<Stream> stream, const base::Clock& clock,
                 Nanoseconds write_timeout);
  virtual ~Http2Transport() = default;

  /// Appends frames, about kBatchBytes of them; nothing if there is nothing to say.
  virtual void produce(std::string& out) = 0;
  /// Everything was written, or writing has failed and will not be tried again.
  virtual void written() = 0;

  /// Sees to it that what the session has to say is written; several calls in one turn of the loop make one write.
  void kick();

  asio::any_io_executor executor_;
  std::unique_ptr<Stream> stream_;
  const base::Clock& clock_;
  bool write_failed_ = false;
  bool write_timed_out_ = false;

 private:
  static Awaitable<void> write_out(std::shared_ptr<Http2Transport> self);

  Nanoseconds write_timeout_;
  std::string output_;
  bool writing_ = false;
};

}  // namespace thalamus::net
