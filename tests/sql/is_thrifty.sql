begin;
select plan(2);

update hubspot_sync.settings set value = 'fast' where key = 'profile';
select is(hubspot_sync.is_thrifty(), false, 'in profile fast calls need not be saved');
update hubspot_sync.settings set value = 'thrifty' where key = 'profile';
select is(hubspot_sync.is_thrifty(), true, 'in profile thrifty they are');

select * from finish();
rollback;
