DROP TABLE "entries";
