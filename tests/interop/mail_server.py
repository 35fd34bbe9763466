"""Mail server with STARTTLS (aiosmtpd): keeps each message, as Python's own mail parser reads it.

Arguments: port, certificate, private key, and the file for the messages, one JSON object for each line.
"""
import email
import json
import signal
import ssl
import sys
from email import policy

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP

port, certificate, key, file = sys.argv[1:]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(certificate, key)


class Keep:
    async def handle_DATA(self, server, session, envelope):
        message = email.message_from_bytes(envelope.content, policy=policy.default)
        parts = [(part.get_content_type(), part.get_content()) for part in message.iter_parts()]
        with open(file, 'a') as out:
            out.write(json.dumps({
                'tls': session.ssl is not None,
                'envelope': {'from': envelope.mail_from, 'to': envelope.rcpt_tos},
                'headers': {name.lower(): str(value) for name, value in message.items()},
                'defects': [str(defect) for defect in message.defects],
                'parts': parts,
                'longest_line': max(len(line) for line in envelope.content.split(b'\r\n')),
            }) + '\n')
        return '250 kept'


class WithTls(Controller):
    def factory(self):
        return SMTP(self.handler, tls_context=context, require_starttls=True, enable_SMTPUTF8=True)


controller = WithTls(Keep(), hostname='127.0.0.1', port=int(port))
controller.start()
signal.sigwait({signal.SIGTERM, signal.SIGINT})
controller.stop()
