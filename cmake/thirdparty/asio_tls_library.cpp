// The bodies of boost::asio::ssl, apart from the rest of Asio so that a program without TLS links no OpenSSL.

#include <boost/asio/ssl/impl/src.hpp>
