/* See hostile_shapes.h.
 *
 * SPDX-License-Identifier: MIT
 */
#include "hostile_shapes.h"

#define HOST "Host: test\r\n"
#define POST "POST /v1/orders HTTP/1.1\r\n" HOST
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"
#define LINE(line) line "\r\n" HOST "\r\n"
#define GET_HOST(host) "GET /healthz HTTP/1.1\r\nHost: " host "\r\n\r\n"
#define FIELD(field) "GET /healthz HTTP/1.1\r\n" HOST field "\r\n\r\n"
#define INNER "GET /healthz HTTP/1.1\r\n" HOST "\r\n" /* 37 bytes, 25 in hexadecimal */

#define REFUSED(what, status, text)                                                                                            \
    { what, text, sizeof(text) - 1, status, true }
#define TAKEN(what, status, text)                                                                                              \
    { what, text, sizeof(text) - 1, status, false }

/* No session is sent: what is taken and goes to /v1/orders is answered 401. */
const hostile_shape hostile_shapes[] = {
    /* where a body ends: length and coding */
    REFUSED("length, coding", 400, POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    REFUSED("coding, length", 400, POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
    REFUSED("length, coding in capitals", 400, POST "CONTENT-LENGTH: 5\r\nTRANSFER-ENCODING: CHUNKED\r\n\r\n0\r\n\r\n"),
    REFUSED("length, unknown coding", 400, POST "Content-Length: 5\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    REFUSED("length, no coding", 400, POST "Content-Length: 5\r\nTransfer-Encoding:\r\n\r\n0\r\n\r\n"),
    REFUSED("length, coding behind a space", 400, POST "Content-Length: 5\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    REFUSED("length, coding with a space", 400, POST "Content-Length: 5\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
    REFUSED("length, coding with a tab", 400, POST "Content-Length: 5\r\nTransfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n"),
    REFUSED("length, coding with a NUL", 400, POST "Content-Length: 5\r\nTransfer\0-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    REFUSED("length, coding behind a bare CR", 400,
            POST "Content-Length: 5\r\nX: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    REFUSED("length, coding behind a bare LF", 400,
            POST "Content-Length: 5\r\nX: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    REFUSED("length, coding in a folded line", 400,
            POST "Content-Length: 5\r\nX: y\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    REFUSED("folded coding", 400, POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
    REFUSED("coding with a vertical tab", 400,
            POST "Transfer-Encoding: \x0b"
                 "chunked\r\n\r\n0\r\n\r\n"),
    REFUSED("coding with a form feed", 400, POST "Transfer-Encoding: chunked\x0c\r\n\r\n0\r\n\r\n"),
    REFUSED("coding with a NUL", 400, POST "Transfer-Encoding: chunke\0d\r\n\r\n0\r\n\r\n"),
    REFUSED("coding xchunked", 501, POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    REFUSED("coding chunkedx", 501, POST "Transfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n"),
    REFUSED("coding in quotes", 501, POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
    REFUSED("coding identity", 501, POST "Transfer-Encoding: identity\r\n\r\n"),
    REFUSED("codings identity, chunked", 501, POST "Transfer-Encoding: identity, chunked\r\n\r\n0\r\n\r\n"),
    REFUSED("codings chunked, identity", 400, POST "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"),
    REFUSED("codings chunked, chunked", 400, POST "Transfer-Encoding: chunked,chunked\r\n\r\n0\r\n\r\n"),
    REFUSED("two codings", 400, POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
    REFUSED("coding in 1.0", 400, "POST /v1/orders HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    TAKEN("coding behind a tab", 401, POST "Transfer-Encoding: \tchunked \r\n\r\n0\r\n\r\n"),
    TAKEN("coding of another name", 401, POST "Content-Length: 5\r\nTransfer_Encoding: chunked\r\n\r\n0\r\n\r\n"),

    /* lengths */
    REFUSED("length +5", 400, POST "Content-Length: +5\r\n\r\nhello"),
    REFUSED("length -5", 400, POST "Content-Length: -5\r\n\r\nhello"),
    REFUSED("length 0x5", 400, POST "Content-Length: 0x5\r\n\r\nhello"),
    REFUSED("length 5, 5", 400, POST "Content-Length: 5, 5\r\n\r\nhello"),
    REFUSED("length 5 5", 400, POST "Content-Length: 5 5\r\n\r\nhello"),
    REFUSED("length 5.0", 400, POST "Content-Length: 5.0\r\n\r\nhello"),
    REFUSED("length five", 400, POST "Content-Length: five\r\n\r\nhello"),
    REFUSED("length in other digits", 400, POST "Content-Length: \xd9\xa5\r\n\r\nhello"),
    REFUSED("length with a NUL", 400, POST "Content-Length: 5\0\r\n\r\nhello"),
    REFUSED("no length", 400, POST "Content-Length:\r\n\r\nhello"),
    REFUSED("length twice", 400, POST "Content-Length: 5\r\ncontent-length: 5\r\n\r\nhello"),
    REFUSED("length of 2^64 + 5", 400, POST "Content-Length: 18446744073709551621\r\n\r\nhello"),
    REFUSED("length of 2^64 - 1", 413, POST "Content-Length: 18446744073709551615\r\n\r\nhello"),
    REFUSED("length of 2^32 + 5", 413, POST "Content-Length: 4294967301\r\n\r\nhello"),
    REFUSED("length with a space", 400, POST "Content-Length : 5\r\n\r\nhello"),
    TAKEN("length 0005", 401, POST "Content-Length: 0005\r\n\r\nhello"),
    TAKEN("a request in a body", 401, POST "Content-Length: 37\r\n\r\n" INNER),
    TAKEN("a request in a chunk", 401, CHUNKED "25\r\n" INNER "\r\n0\r\n\r\n"),
    TAKEN("a request in the body of a GET", 200, "GET /healthz HTTP/1.1\r\n" HOST "Content-Length: 37\r\n\r\n" INNER),
    TAKEN("a length that goes by a proxy", 401, POST "Connection: Content-Length\r\nContent-Length: 37\r\n\r\n" INNER),
    TAKEN("an upgrade with a body", 401, POST "Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 37\r\n\r\n" INNER),

    /* chunks */
    REFUSED("chunk size 0x5", 400, CHUNKED "0x5\r\nhello\r\n0\r\n\r\n"),
    REFUSED("chunk size -5", 400, CHUNKED "-5\r\nhello\r\n0\r\n\r\n"),
    REFUSED("chunk size +5", 400, CHUNKED "+5\r\nhello\r\n0\r\n\r\n"),
    REFUSED("chunk size behind a space", 400, CHUNKED " 5\r\nhello\r\n0\r\n\r\n"),
    REFUSED("chunk size of 2^64 + 5", 400, CHUNKED "10000000000000005\r\nhello\r\n0\r\n\r\n"),
    REFUSED("chunk size of 2^64 - 1", 413, CHUNKED "ffffffffffffffff\r\nhello\r\n0\r\n\r\n"),
    REFUSED("chunk size of 2^32 + 5", 413, CHUNKED "100000005\r\nhello\r\n0\r\n\r\n"),
    REFUSED("no chunk size", 400, CHUNKED "\r\nhello\r\n0\r\n\r\n"),
    REFUSED("extension without a chunk", 400, CHUNKED ";a\r\nhello\r\n0\r\n\r\n"),
    REFUSED("extension with a bare LF", 400, CHUNKED "5;a\nhello\r\n0\r\n\r\n"),
    REFUSED("extension with a bare CR", 400, CHUNKED "5;a\rb\r\nhello\r\n0\r\n\r\n"),
    REFUSED("extension with a NUL", 400, CHUNKED "5;a\0b\r\nhello\r\n0\r\n\r\n"),
    REFUSED("chunk size with a bare LF", 400, CHUNKED "5\nhello\r\n0\r\n\r\n"),
    REFUSED("chunk size with a bare CR", 400, CHUNKED "5\rhello\r\n0\r\n\r\n"),
    REFUSED("chunk with a bare LF", 400, CHUNKED "5\r\nhello\n0\r\n\r\n"),
    REFUSED("chunk without an end", 400, CHUNKED "5\r\nhello0\r\n\r\n"),
    REFUSED("chunk that is longer", 400, CHUNKED "5\r\nhelloo\r\n0\r\n\r\n"),
    REFUSED("chunk that is shorter", 400, CHUNKED "5\r\nhell\r\n0\r\n\r\n"),
    REFUSED("last chunk with a bare LF", 400, CHUNKED "0\n\r\n"),
    REFUSED("no trailers with a bare LF", 400, CHUNKED "5\r\nhello\r\n0\r\n\n"),
    REFUSED("trailer with a bare LF", 400, CHUNKED "0\r\nX: y\n\r\n"),
    REFUSED("trailers that end with a bare LF", 400, CHUNKED "0\r\nX: y\r\n\n"),
    REFUSED("folded trailer", 400, CHUNKED "0\r\nX: y\r\n z\r\n\r\n"),
    REFUSED("trailer without a name", 400, CHUNKED "0\r\n: y\r\n\r\n"),
    REFUSED("trailer with a space", 400, CHUNKED "0\r\nX : y\r\n\r\n"),
    REFUSED("trailer with a NUL", 400, CHUNKED "0\r\nX: y\0\r\n\r\n"),
    REFUSED("coding in a trailer", 400, CHUNKED "0\r\nTransfer-Encoding: chunked\r\n\r\n"),
#ifdef LLHTTP_REFUSES_MORE /* from release 9 on */
    REFUSED("a length in a trailer", 400, CHUNKED "0\r\nContent-Length: 37\r\n\r\n"),
#else
    TAKEN("a length in a trailer", 401, CHUNKED "0\r\nContent-Length: 37\r\n\r\n"),
#endif
    TAKEN("a Host and an end in trailers", 401, CHUNKED "0\r\nHost: other\r\nConnection: close\r\n\r\n"),
    TAKEN("chunk sizes with zeros and extensions", 401, CHUNKED "00005;a=b\r\nhello\r\n000;e\r\n\r\n"),

    /* request lines */
    REFUSED("two spaces before the target", 400, LINE("GET  /healthz HTTP/1.1")),
    REFUSED("two spaces before the version", 400, LINE("GET /healthz  HTTP/1.1")),
    REFUSED("a space at the end", 400, LINE("GET /healthz HTTP/1.1 ")),
    REFUSED("a space in front", 400, LINE(" GET /healthz HTTP/1.1")),
    REFUSED("tabs", 400, LINE("GET\t/healthz\tHTTP/1.1")),
    REFUSED("vertical tabs", 400, LINE("GET\x0b/healthz\x0bHTTP/1.1")),
    REFUSED("a small method", 400, LINE("get /healthz HTTP/1.1")),
    REFUSED("a method that goes on", 400, LINE("GETX /healthz HTTP/1.1")),
    REFUSED("half a method", 400, LINE("GE /healthz HTTP/1.1")),
    REFUSED("a method with a NUL", 400, LINE("G\0ET /healthz HTTP/1.1")),
    REFUSED("a NUL in front", 400, "\0" LINE("GET /healthz HTTP/1.1")),
    REFUSED("small http", 400, LINE("GET /healthz http/1.1")),
    REFUSED("HTTP/1.10", 400, LINE("GET /healthz HTTP/1.10")),
    REFUSED("HTTP/3.0", 505, LINE("GET /healthz HTTP/3.0")),
    REFUSED("RTSP", 400, LINE("OPTIONS /healthz RTSP/1.0")),
    REFUSED("ICE", 400, LINE("SOURCE /healthz ICE/1.0")),
    REFUSED("no target", 400, LINE("GET  HTTP/1.1")),
    REFUSED("a bare CR behind it", 400, "GET /healthz HTTP/1.1\r" HOST "\r\n"),
    REFUSED("CR CR LF", 400, "GET /healthz HTTP/1.1\r\r\n" HOST "\r\n"),
    REFUSED("a bare LF in front", 400, "\n" LINE("GET /healthz HTTP/1.1")),
    REFUSED("a bare LF at the end", 400, "GET /healthz HTTP/1.1\r\n" HOST "\n"),
    REFUSED("a proxy", 501, LINE("CONNECT /healthz HTTP/1.1")),
    TAKEN("empty lines in front", 200, "\r\n\r\n" LINE("GET /healthz HTTP/1.1")),
    TAKEN("another method", 405, LINE("TRACE /healthz HTTP/1.1")),

    /* fields */
    REFUSED("a name with a NUL", 400, FIELD("X\0Y: z")),
    REFUSED("a name of 8 bits", 400, FIELD("X\xe9: z")),
    REFUSED("a name in brackets", 400, FIELD("X[Y]: z")),
    REFUSED("a value with a NUL", 400, FIELD("X: y\0z")),
    REFUSED("a value with a bell", 400, FIELD("X: y\x07z")),
    REFUSED("no name, the first", 400, "GET /healthz HTTP/1.1\r\n: x\r\n" HOST "\r\n"),
    REFUSED("no name, another", 400, FIELD(": x")),
    REFUSED("two expectations", 417, POST "Expect: 100-continue\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello"),
    TAKEN("a value of no UTF-8", 200, FIELD("X: \xff\xc0\xaf\xed\xa0\x80")),
    TAKEN("an empty value", 200, FIELD("X:")),
    TAKEN("spaces in a value", 200, FIELD("X:  y  z ")),

    /* hosts */
    REFUSED("no Host", 400, "GET /healthz HTTP/1.1\r\n\r\n"),
    REFUSED("two Hosts", 400, GET_HOST("a\r\nhost: a")),
    REFUSED("folded Host", 400, GET_HOST("\r\n a")),
    REFUSED("Hosts in a list", 400, GET_HOST("a, b")),
    REFUSED("Host with a user", 400, GET_HOST("a@b")),
    REFUSED("Host with a scheme", 400, GET_HOST("http://a")),
    REFUSED("Host with a path", 400, GET_HOST("a/b")),
    REFUSED("Host without a name", 400, GET_HOST(":80")),
    REFUSED("Host with a bad port", 400, GET_HOST("a:8a")),
    REFUSED("Host with two ports", 400, GET_HOST("a:80:80")),
    REFUSED("Host with half a bracket", 400, GET_HOST("[::1")),
    REFUSED("Host behind a bracket", 400, GET_HOST("[::1]a")),
    REFUSED("Host of 8 bits", 400, GET_HOST("caf\xc3\xa9")),
    REFUSED("Host with a NUL", 400, GET_HOST("a\0b")),
    TAKEN("Host of IPv6", 200, GET_HOST("[2001:db8::1]:8080")),
    TAKEN("no Host in 1.0", 200, "GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),

    /* targets */
    REFUSED("absolute without a host", 400, LINE("GET http:///healthz HTTP/1.1")),
    REFUSED("absolute with a user", 400, LINE("GET http://a@b/healthz HTTP/1.1")),
    REFUSED("absolute with a bad port", 400, LINE("GET http://a:b/healthz HTTP/1.1")),
    REFUSED("another scheme", 400, LINE("GET ftp://a/healthz HTTP/1.1")),
    REFUSED("a NUL", 400, LINE("GET /heal\0thz HTTP/1.1")),
    REFUSED("an escaped NUL", 400, LINE("GET /healthz%00 HTTP/1.1")),
    REFUSED("an escaped NUL in the query", 400, LINE("GET /healthz?a=%00 HTTP/1.1")),
    REFUSED("an escape that is none", 400, LINE("GET /%u0068ealthz HTTP/1.1")),
    REFUSED("half an escape", 400, LINE("GET /healthz% HTTP/1.1")),
    REFUSED("raw UTF-8", 400, LINE("GET /caf\xc3\xa9 HTTP/1.1")),
    REFUSED("a form feed", 400, LINE("GET /healthz\x0c HTTP/1.1")),
    REFUSED("no slash", 400, LINE("GET healthz HTTP/1.1")),
    REFUSED("a fragment", 400, LINE("GET /healthz#a HTTP/1.1")),
    TAKEN("absolute, of another host", 200, LINE("GET http://other:81/healthz HTTP/1.1")),
    TAKEN("an escaped letter", 200, LINE("GET /%68ealthz HTTP/1.1")),
    TAKEN("a letter escaped twice", 404, LINE("GET /%2568ealthz HTTP/1.1")),
    TAKEN("..", 404, LINE("GET /v1/../healthz HTTP/1.1")),
    TAKEN("escaped ..", 404, LINE("GET /v1/%2e%2e/healthz HTTP/1.1")),
    TAKEN(".. as an activity", 404, LINE("GET /v1/activities/.. HTTP/1.1")),
    TAKEN(". in front", 404, LINE("GET /./healthz HTTP/1.1")),
    TAKEN("two slashes", 404, LINE("GET //healthz HTTP/1.1")),
    TAKEN("a slash at the end", 404, LINE("GET /healthz/ HTTP/1.1")),
    TAKEN("an escaped slash", 404, LINE("GET /v1%2factivities/sale HTTP/1.1")),
    TAKEN("a backslash", 404, LINE("GET /v1\\healthz HTTP/1.1")),
    TAKEN("an escaped backslash", 404, LINE("GET /v1%5c..%5chealthz HTTP/1.1")),
    TAKEN("parameters", 404, LINE("GET /healthz;a=b HTTP/1.1")),
    TAKEN("capitals", 404, LINE("GET /HEALTHZ HTTP/1.1")),
    TAKEN("overlong UTF-8", 404, LINE("GET /v1/activities/%c0%ae%c0%ae HTTP/1.1")),
    TAKEN("no UTF-8", 404, LINE("GET /v1/activities/%ff HTTP/1.1")),
    TAKEN("a line end in a name", 404, LINE("GET /v1/activities/a%0d%0aX:%20y HTTP/1.1")),
    TAKEN("many segments", 404, LINE("GET /a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a/a HTTP/1.1")),
    TAKEN("many slashes", 404, LINE("GET //////////////////////////////////// HTTP/1.1")),
    TAKEN("an empty query", 200, LINE("GET /healthz? HTTP/1.1")),
    TAKEN("an odd query", 200, LINE("GET /healthz?a?b/../&;=%20[] HTTP/1.1")),
};

const size_t hostile_shape_count = sizeof hostile_shapes / sizeof *hostile_shapes;

const char hostile_marker[] = "GET /marker HTTP/1.1\r\n" HOST "\r\n";
