-- Run once by the database's administrator: mariadb <orders.sql
CREATE DATABASE seckill CHARACTER SET utf8mb4;

-- seckill-ctl orders migrate: before the first worker of a release.
CREATE USER seckill_migrator IDENTIFIED BY 'MIGRATOR-PASSWORD';
GRANT SELECT, INSERT, UPDATE, CREATE, TRIGGER ON seckill.* TO seckill_migrator;

CREATE USER seckill_worker IDENTIFIED BY 'WORKER-PASSWORD';
GRANT SELECT, INSERT, UPDATE ON seckill.* TO seckill_worker;

-- seckill-ctl; and the shop's own table of goods, which units are taken from before a sale and come back to after it.
CREATE USER seckill_operator IDENTIFIED BY 'OPERATOR-PASSWORD';
GRANT SELECT, INSERT, UPDATE ON seckill.* TO seckill_operator;
GRANT SELECT, UPDATE ON shop.goods TO seckill_operator;
