"""Mail server with STARTTLS (aiosmtpd): keeps each message, as Python's own mail parser reads it.

Arguments: port, certificate, private key, and the file for the messages, one JSON object for each line. With a fifth
argument, `plain`, it offers no STARTTLS. The local part of a recipient asks for a fault:

- `later`: the first message to it is refused for now;
- `refused`: each message to it is refused for good;
- `stalled`: the first message to it gets no reply;
- `cut`: the first message to it is kept, and the connection ends in place of the reply.
"""
import asyncio
import json
import signal
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP
from mail_reader import described

port, certificate, key, file = sys.argv[1:5]
is_plain = sys.argv[5:] == ['plain']
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(certificate, key)


class Keep:
    seen = set()

    async def handle_DATA(self, server, session, envelope):
        to = envelope.rcpt_tos[0]
        fault, is_first = to.split('@')[0], to not in self.seen
        self.seen.add(to)
        if fault == 'refused':
            return '550 no such mailbox'
        if fault == 'later' and is_first:
            return '451 not now'
        if fault == 'stalled' and is_first:
            await asyncio.sleep(3600)
        self.keep(session, envelope)
        if fault == 'cut' and is_first:
            server.transport.abort()
        return '250 kept'

    def keep(self, session, envelope):
        with open(file, 'a') as out:
            out.write(json.dumps({
                'tls': session.ssl is not None,
                'envelope': {'from': envelope.mail_from, 'to': envelope.rcpt_tos},
                **described(envelope.content),
            }) + '\n')


class WithTls(Controller):
    def factory(self):
        if is_plain:
            return SMTP(self.handler, enable_SMTPUTF8=True)
        return SMTP(self.handler, tls_context=context, require_starttls=True, enable_SMTPUTF8=True)


controller = WithTls(Keep(), hostname='127.0.0.1', port=int(port))
controller.start()
signal.sigwait({signal.SIGTERM, signal.SIGINT})
controller.stop()
