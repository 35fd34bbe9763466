DROP TABLE "seats";
