begin;
select plan(15);

select ok(hubspot_sync.exam_is_active(s), format('an exam whose is_active is %L is active', s))
  from unnest(array['true', 'TRUE', ' true ', 't', '1', 'yes', 'Active', 'active']) s;
select ok(not hubspot_sync.exam_is_active(s),
          format('an exam whose is_active is %L is not active', s))
  from unnest(array['false', 'inactive', 'no', '0', '', 'maybe']) s;
select ok(not hubspot_sync.exam_is_active(null), 'an exam without is_active is not active');

select * from finish();
rollback;
