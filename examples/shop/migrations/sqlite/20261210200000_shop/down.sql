DROP TABLE invoices;
DROP TABLE avatars;
DROP TABLE addresses;
DROP TABLE orders;
