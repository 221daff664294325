-- slipway:transaction off
CREATE INDEX CONCURRENTLY IF NOT EXISTS orders_by_placed ON orders (placed);
