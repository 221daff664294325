CREATE TABLE orders (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  total text NOT NULL DEFAULT '1.00',
  placed timestamptz NOT NULL DEFAULT now()
);
INSERT INTO orders (total) SELECT '2.50' FROM generate_series(1, 10000);
