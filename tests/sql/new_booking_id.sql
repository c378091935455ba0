begin;
select plan(6);

create or replace function hubspot_sync.clock()
  returns timestamptz language sql stable
  return timestamptz '2030-06-15 23:30+00';

create temp table ids as
  select hubspot_sync.new_booking_id() as id from generate_series(1, 200);
select is_empty($$select id from ids where id !~ '^BK-20300615-[A-Z0-9]{6}$'$$,
                'a booking id is BK, the day and six letters or digits');
select is_empty($$select id from ids where split_part(id, '-', 3) ~ '[01IO]'$$,
                'a booking id holds no letters that look like another');
select cmp_ok((select count(distinct id) from ids), '>=', 195::bigint, 'booking ids differ');

update hubspot_sync.settings set value = 'Europe/Berlin' where key = 'time_zone';
select matches(hubspot_sync.new_booking_id(), '^BK-20300616-',
               'the day of a booking id is the business''s day');
update hubspot_sync.settings set value = 'America/New_York' where key = 'time_zone';
select matches(hubspot_sync.new_booking_id(), '^BK-20300615-',
               'west of Greenwich it is still the day before');
set local timezone = 'Asia/Tokyo';
select matches(hubspot_sync.new_booking_id(), '^BK-20300615-',
               'the session''s time zone moves no day');

select * from finish();
rollback;
