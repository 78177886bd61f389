// The bodies of Boost.Asio and Boost.Beast, compiled once: BOOST_ASIO_SEPARATE_COMPILATION and its Beast sister leave
// them out of every other source. Asio's TLS half is in asio_tls_library.cpp.

#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
