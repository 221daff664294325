-- slipway:phase contract
ALTER TABLE orders DROP COLUMN total;
